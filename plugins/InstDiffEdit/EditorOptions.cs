using System.ComponentModel.DataAnnotations;
using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>What a user may set when opening an editor.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record EditorOptions : IMethodOptions
{
    public const string Current = "current", Running = "running", Next = "next", Official = "official", Exact = "exact", Off = "off", All = "all";
    public const string Inpainting = "inpaint", Latents = "latents", Lms = "lms", Ddim = "ddim", Sample = "sample", Benchmark = "benchmark";
    public const string InstDiffEdit = "instdiffedit", DiffEdit = "diffedit", SdEdit = "sdedit";

    /// <summary>How a picture is edited.</summary>
    [AllowedValues(InstDiffEdit, DiffEdit, SdEdit)]
    public string Method { get; set; } = InstDiffEdit;

    /// <summary>Whose thresholds are taken where none are given: those of the benchmark's script or of the single picture's.</summary>
    [AllowedValues(Benchmark, Sample)]
    public string Preset { get; set; } = Benchmark;

    /// <summary>
    /// Checkpoint of the inpainting model that paints inside the mask; none leaves the mask stage's own latents. The folder of a UNet alone, such as the
    /// checkpoint's unet, shares the other parts with the model that finds the mask, but for a scheduler and a text_encoder that it has in it.
    /// </summary>
    public string? Inpaint { get; set; }

    /// <summary>
    /// What is shown: inpaint paints with the inpainting model, latents decodes the mask stage's first sample; none takes inpaint where it is named.
    /// </summary>
    [AllowedValues(Inpainting, Latents, null)]
    public string? Output { get; set; }

    /// <summary>Noise samples that the mask is averaged over; none takes 3, for diffedit 10.</summary>
    [Range(1, 16)]
    public int? Samples { get; set; }

    /// <summary>Above it a stretched map is inside the mask; none takes the preset's 0.2 or 0.3.</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double? MaskThreshold { get; set; }

    /// <summary>A word whose map is at least this similar to the found one belongs to the object.</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double ObjectThreshold { get; set; } = 0.9;

    /// <summary>A word whose map is at most this similar to the found one belongs to the background; none takes the preset's 0.6 or 0.3.</summary>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double? BackgroundThreshold { get; set; }

    /// <summary>Side of the attention maps; none takes a quarter of the latent's.</summary>
    [Range(1, 256)]
    public int? MapResolution { get; set; }

    /// <summary>Whether maps are the mean of all steps so far, or those of the current step.</summary>
    [AllowedValues(Running, Current)]
    public string AttentionAverage { get; set; } = Running;

    /// <summary>Whether words are told apart anew at every step, as the paper has it, instead of once.</summary>
    public bool ReindexEveryStep { get; set; }

    /// <summary>Whether the multistep rule starts as the published code does, or with the rule of as many steps as it has.</summary>
    [AllowedValues(Official, Exact)]
    public string LmsWarmup { get; set; } = Official;

    /// <summary>The noise of the original that is pasted outside the mask: of the step's beginning as the published code has it, or of its end.</summary>
    [AllowedValues(Current, Next)]
    public string BlendLevel { get; set; } = Current;

    /// <summary>The rule of the mask stage.</summary>
    [AllowedValues(Lms, Ddim)]
    public string MaskScheduler { get; set; } = Lms;

    /// <summary>Steps of the inpainting model.</summary>
    [Range(1, 1000)]
    public int InpaintSteps { get; set; } = 50;

    /// <summary>Weight of the text in the inpainting model; 1 is without guidance.</summary>
    [Range(1.0, double.PositiveInfinity)]
    public double InpaintGuidance { get; set; } = 7.5;

    /// <summary>Whether the mask stage's text is rounded to half precision, as the published code does.</summary>
    public bool RoundText { get; set; } = true;

    /// <summary>Whether the original's pixels are put back outside the mask.</summary>
    public bool PasteBack { get; set; }

    /// <summary>
    /// Which stages look at the part of the latent alone that the mask touches: none, the inpainting model, or the mask stage's later steps too.
    /// </summary>
    [AllowedValues(Off, Inpainting, All)]
    public string Region { get; set; } = Off;

    /// <summary>Latent pixels that such a part reaches beyond the mask.</summary>
    [Range(0, 256)]
    public int RegionMargin { get; set; } = 8;

    /// <summary>IoU of a step's mask with the one before from which on it counts as settled.</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double SettledIoU { get; set; } = 0.98;

    /// <summary>How many steps in a row the mask has to stay to be settled.</summary>
    [Range(1, 1000)]
    public int SettledSteps { get; set; } = 3;

    /// <summary>Whether the mask stage ends once the mask has settled.</summary>
    public bool StopWhenSettled { get; set; }

    /// <summary>Whether the picture keeps its aspect, rounded to what the model's maps allow, instead of being stretched to the model's square.</summary>
    public bool KeepAspect { get; set; }

    /// <summary>Side in pixels of the pictures worked on, the shorter one where the aspect is kept; none takes the model's.</summary>
    [Range(64, 4096)]
    public int? Size { get; set; }

    /// <summary>Element type computed in; auto takes what suits checkpoint and device.</summary>
    [AllowedValues("auto", "float32", "bfloat16", "float16")]
    public string Type { get; set; } = "auto";

    /// <summary>
    /// How the matrices of the UNets' linear layers are kept: as stored, or int8 in eight bits, on the processor. Convolutions, the autoencoder, which is
    /// made of them, and the text encoder, which runs once, stay.
    /// </summary>
    [AllowedValues(WeightFormats.Stored, WeightFormats.Int8)]
    public string Weights { get; set; } = WeightFormats.Stored;

    internal WeightFormat Format => WeightFormats.Find(Weights) ?? WeightFormat.Stored;

    /// <summary>Folder with the tokenizer; none takes the checkpoint's.</summary>
    public string? Tokenizer { get; set; }

    public void Validate()
    {
        if (ObjectThreshold <= Background)
        {
            throw new ApertureException(
                $"{EditorFactory.EditorName}: ObjectThreshold {ObjectThreshold} must be above BackgroundThreshold {Background}.");
        }

        if (Output == Inpainting && Inpaint is null)
        {
            throw new ApertureException($"{EditorFactory.EditorName}: Output {Inpainting} needs Inpaint, the checkpoint of an inpainting model.");
        }

        if (Method == DiffEdit && Inpaint is null)
        {
            throw new ApertureException($"{EditorFactory.EditorName}: Method {DiffEdit} needs Inpaint, the checkpoint of an inpainting model.");
        }
    }

    internal bool Paints => Inpaint is not null && Output != Latents && Method != SdEdit;

    internal int SampleCount => Method switch { DiffEdit => Samples ?? 10, SdEdit => 1, _ => Samples ?? 3 };

    internal double Threshold => MaskThreshold ?? (Method == DiffEdit || Preset == Sample ? 0.3 : 0.2);

    internal double Background => BackgroundThreshold ?? (Preset == Sample ? 0.3 : 0.6);

    internal ScalarType? ElementType => Type switch
    {
        "float32" => ScalarType.Float32,
        "bfloat16" => ScalarType.BFloat16,
        "float16" => ScalarType.Float16,
        _ => null,
    };
}
