using System.ComponentModel.DataAnnotations;
using Aperture.Training;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>What a user may set when training a generator.</summary>
internal sealed record FaceTrainingOptions : TrainingOptions
{
    public const string Published = "published", Paper = "paper";

    private const int DefaultBatch = 4;
    private const double PublishedRate = 2.5e-4, ViewRate = 3e-3, PublishedBeta = 0.99;

    /// <inheritdoc cref="FaceOptions.Clip"/>
    public string? Clip { get; set; }

    /// <inheritdoc cref="FaceOptions.Tokenizer"/>
    public string? Tokenizer { get; set; }

    /// <summary>The discriminator's tensors; none takes those in the checkpoint, or discriminator.safetensors beside it.</summary>
    public string? Discriminator { get; set; }

    /// <summary>Weight of what the discriminator says; 0 leaves the discriminator out, and what is drawn for it.</summary>
    [Range(0.0, 1000.0)]
    public double AdversarialWeight { get; set; } = 1;

    /// <summary>
    /// Weight of CLIP's loss beside the discriminator's: whether made pictures tell their sentences from the batch's others. None takes 1 where Clip has the
    /// image encoder too, else 0.
    /// </summary>
    [Range(0.0, 1000.0)]
    public double? ClipWeight { get; set; }

    /// <summary>
    /// Weight of the difference to the true view, for samples with yaw and pitch: of the picture and of the rays' own colours; 0 leaves views out.
    /// </summary>
    [Range(0.0, 1000.0)]
    public double ViewWeight { get; set; }

    /// <summary>Weight of the difference of nearness to the true one, for samples with depth; only beside ViewWeight.</summary>
    [Range(0.0, 1000.0)]
    public double DepthWeight { get; set; }

    /// <summary>
    /// Weight of the difference of the view under another sentence, whose tokens alone change, to the true edited view, for samples with edit and edit_text;
    /// only beside ViewWeight.
    /// </summary>
    [Range(0.0, 1000.0)]
    public double EditWeight { get; set; }

    /// <summary>
    /// How many noises heads of true views share: that of a head is the noise of the seed head modulo this number, in every step. 0 draws a new one in every
    /// step, so that noise means nothing.
    /// </summary>
    [Range(0, 1L << 31)]
    public long Noises { get; set; } = 1L << 31;

    /// <summary>Factor on what sentences add to the styles of blocks; 0 trains without the enhancer.</summary>
    [Range(0.0, 10.0)]
    public double EnhancerStrength { get; set; } = 1;

    /// <summary>Whether the text encoder is trained too, and written beside the generator.</summary>
    public bool TrainText { get; set; }

    /// <summary>Weight of geometric regularisation.</summary>
    [Range(0.0, 1000.0)]
    public double GeometryWeight { get; set; } = 1;

    /// <summary>Weight of the norm of the styles' offsets.</summary>
    [Range(0.0, 1000.0)]
    public double OffsetWeight { get; set; } = 1;

    /// <summary>Whether matrices are written in half precision.</summary>
    public bool SaveHalf { get; set; }

    /// <summary>Weight of the discriminator's steepness at real pictures (R1).</summary>
    [Range(0.0, 1000.0)]
    public double Gamma { get; set; } = 0.5;

    /// <summary>Steps between two that look at the steepness, which counts as often more.</summary>
    [Range(1, 1000)]
    public int SteepnessEvery { get; set; } = 16;

    /// <summary>Weight of path lengths; 0 leaves them out.</summary>
    [Range(0.0, 1000.0)]
    public double PathWeight { get; set; } = 2;

    /// <summary>Steps between two that look at path lengths, which count as often more.</summary>
    [Range(1, 1000)]
    public int PathEvery { get; set; } = 4;

    /// <summary>Chance that a face's later styles come from another noise.</summary>
    [Range(0.0, 1.0)]
    public double StyleMixing { get; set; } = 0.9;

    /// <summary>Geometric regularisation as in the published code, or with differences of normals as in the paper.</summary>
    [AllowedValues(Published, Paper)]
    public string Geometry { get; set; } = Published;

    /// <summary>Thousands of pictures after which half of the smoothed generator is new.</summary>
    [Range(0.001, 1000.0)]
    public double HalfLife { get; set; } = 20;

    /// <summary>Whether half of the real pictures are mirrored.</summary>
    public bool Mirror { get; set; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (AdversarialWeight == 0 && ViewWeight == 0)
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: AdversarialWeight and ViewWeight are 0, so that there is nothing to learn from; raise one of them.");
        }

        if (AdversarialWeight == 0 && ClipWeight > 0)
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: ClipWeight is {ClipWeight}, but AdversarialWeight is 0, which makes no picture to compare; set one of them.");
        }

        if (EnhancerStrength == 0 && EditWeight > 0)
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: EnhancerStrength is 0, so another sentence changes nothing, but EditWeight is {EditWeight}; set that to 0.");
        }

        if (ViewWeight == 0 && (DepthWeight > 0 || EditWeight > 0))
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: {(DepthWeight > 0 ? nameof(DepthWeight) : nameof(EditWeight))} is above 0, but {nameof(ViewWeight)} is 0; "
                + "raise that too.");
        }
    }

    internal static IReadOnlyList<MethodOption> Describe()
    {
        FaceTrainingOptions usual = new();
        IReadOnlyList<MethodOption> shared = Describe(usual.Defaults, 1);
        HashSet<string> names = [.. shared.Select(option => option.Name)];
        return [.. shared, .. MethodOptions.Describe(FaceJson.Default.FaceTrainingOptions).Where(option => !names.Contains(option.Name))];
    }

    /// <summary>The plan for so many samples.</summary>
    internal TrainingPlan PlanFor(int samples) => Plan(FaceFactory.GeneratorName, Defaults, 1, samples);

    /// <summary>Rate and decay of the discriminator, which takes another share of lazy steps.</summary>
    internal (double Rate, double Beta) DiscriminatorRate(TrainingPlan plan)
    {
        double ratio = Lazy(SteepnessEvery);
        return (plan.Rate / Lazy(PathEvery) * ratio, Math.Pow(PublishedBeta, ratio));
    }

    // Against no adversary the usual plan with momentum; else the published one.
    private TrainingPlan Defaults => AdversarialWeight == 0
        ? new TrainingPlan(1, DefaultBatch, ViewRate)
        : new TrainingPlan(1, DefaultBatch, PublishedRate * Lazy(PathEvery))
        {
            Beta1 = 0,
            Beta2 = Math.Pow(PublishedBeta, Lazy(PathEvery)),
            LargestGradient = 0,
            WarmUp = 0,
            Schedule = RateSchedule.Constant,
        };

    // Steps that are left out now and then shrink the others' rates.
    private static double Lazy(int every) => every / (every + 1.0);
}
