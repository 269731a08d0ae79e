using System.ComponentModel.DataAnnotations;
using Aperture.Training;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>What a user may set when training a latent diffusion model.</summary>
internal sealed record DiffusionTrainingOptions : TrainingOptions
{
    private const double DefaultEpochs = 1;

    /// <summary>What is trained.</summary>
    public DiffusionStage Stage { get; set; } = DiffusionStage.Denoiser;

    /// <summary>Autoencoder: weight of the latents' divergence from standard normal numbers, a value's mean, beside the mean error of a pixel.</summary>
    [Range(0.0, 1.0)]
    public double Divergence { get; set; } = 1e-6;

    /// <summary>Probability that a sample is shown without its sentence, for classifier-free guidance.</summary>
    [Range(0.0, 1.0)]
    public double TextDropout { get; set; } = 0.1;

    /// <summary>
    /// Denoiser and Inpainting: weight of a second loss, the share of the attention to words that name a region of the sample which lies outside its box
    /// rather than inside; for methods that look for words in attention maps. 0 is without.
    /// </summary>
    [Range(0.0, 100.0)]
    public double Localization { get; set; }

    /// <summary>
    /// Inpainting: weight of the error where the mask is, a mean of its own, beside the mean over all; masks are small, and what lies around them is seen.
    /// </summary>
    [Range(0.0, 100.0)]
    public double MaskWeight { get; set; }

    /// <summary>
    /// Denoiser and Inpainting: whether the UNet learns to predict velocity (arXiv 2202.00512) rather than noise, whose error counts little where noise is
    /// all there is to see, so that shapes are learned late; null for what the model's schedule says.
    /// </summary>
    public bool? Velocity { get; set; }

    /// <summary>
    /// Denoiser and Inpainting: how much oftener late times, full of noise, are drawn: a uniform u becomes s u / (1 + (s - 1) u) of the way (arXiv 2403.03206,
    /// equation 23); 1 draws evenly. Small pictures show their things through most of the noise, so that a sentence matters at late times alone.
    /// </summary>
    [Range(1.0, 100.0)]
    public double TimeShift { get; set; } = 1;

    /// <summary>Whether the text encoder is trained with the UNet; published models keep it as it is.</summary>
    public bool TrainText { get; set; }

    /// <summary>Whether latents are kept in memory once they are made, so that a picture is encoded once.</summary>
    public bool KeepLatents { get; set; } = true;

    /// <summary>The most that the means of the parameters, which are what is saved, keep of themselves a step; 0 saves the parameters.</summary>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Ema { get; set; } = 0.9999;

    /// <summary>Whether what is trained is written in half precision.</summary>
    public bool SaveHalf { get; set; }

    /// <summary>Length, batch, optimizer and rates.</summary>
    /// <param name="samples">Number of samples.</param>
    internal TrainingPlan PlanFor(int samples) => Plan(EditorFactory.EditorName, Defaults, DefaultEpochs, samples);

    internal static IReadOnlyList<MethodOption> Describe()
    {
        IReadOnlyList<MethodOption> shared = Describe(Defaults, DefaultEpochs);
        HashSet<string> names = [.. shared.Select(option => option.Name)];
        return [.. shared, .. MethodOptions.Describe(EditorJson.Default.DiffusionTrainingOptions).Where(option => !names.Contains(option.Name))];
    }

    private static TrainingPlan Defaults { get; } = new(1, 16, 1e-4) { Beta2 = 0.999, WeightDecay = 0.01, LargestGradient = 1, WarmUp = 0.02 };
}
