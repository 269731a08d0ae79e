using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.DyVte.Gates;

namespace Aperture.Plugins.DyVte;

/// <summary>What a user may set at inference.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record DyVteOptions : IMethodOptions
{
    /// <summary>Value of <see cref="Gates"/> that asks for freshly initialised gates.</summary>
    public const string RandomGates = "random";

    /// <summary>The widest gate there may be; the published ones have 2048.</summary>
    public const int LargestGateHidden = 1 << 16;

    /// <summary>Whether anything happens at all.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Where the gates are: a checkpoint folder, a gates file, or <c>random</c>; null looks beside and in the model.</summary>
    public string? Gates { get; set; }

    /// <summary>Probability of exit above which a gate fires, strictly. One half is the official comparison of the two logits.</summary>
    public double Threshold { get; set; } = 0.5;

    /// <summary>The first layer after which tokens may go; gates below are not evaluated.</summary>
    public int MinExitLayer { get; set; }

    /// <summary>The layer after which tokens go if they have not yet; null leaves them where no gate fires.</summary>
    public int? MaxExitLayer { get; set; }

    /// <summary>The layer after which tokens always go, without gates.</summary>
    public int? FixedExitLayer { get; set; }

    /// <summary>How many gates in a row must fire.</summary>
    public int Patience { get; set; } = 1;

    /// <summary>How the samples of a batch exit: <c>PerSample</c>, <c>AllMustExit</c> or <c>FirstSample</c> (official).</summary>
    public string BatchPolicy { get; set; } = "PerSample";

    /// <summary>Whether visual rows also leave the caches of the layers up to the exit.</summary>
    public bool DropOwnCache { get; set; }

    /// <summary>What gates read: <c>text</c> (official), <c>all-text</c> (as the paper words it) or <c>attention</c> (an ablation of the repository).</summary>
    public string GateInput { get; set; } = "text";

    /// <summary><c>device</c>, or <c>host</c>: gates stay in main memory and travel layer by layer.</summary>
    public string GatePlacement { get; set; } = "device";

    /// <summary><c>model</c>, or <c>fp32</c>: the type gates compute in.</summary>
    public string GateDType { get; set; } = "model";

    /// <summary>Hidden width of random gates.</summary>
    public int GateHidden { get; set; } = GateInitialisation.DefaultHidden;

    /// <summary>Seed of random gates.</summary>
    public long Seed { get; set; } = 42;

    /// <summary>Whether gates decide, so that they must be there.</summary>
    public bool NeedsGates => Enabled && FixedExitLayer is null;

    /// <summary>What the difference of the two logits, exit minus keep, must exceed.</summary>
    public double Margin => Math.Log(Threshold / (1 - Threshold));

    public void Validate()
    {
        if (!(Threshold is > 0 and < 1))
        {
            throw Error($"Threshold is {Threshold}; give a probability between 0 and 1, such as 0.5");
        }

        if (Patience < 1)
        {
            throw Error($"Patience is {Patience}; give 1 or more");
        }

        if (MinExitLayer < 0)
        {
            throw Error($"MinExitLayer is {MinExitLayer}; give 0 or more");
        }

        if (MaxExitLayer < MinExitLayer)
        {
            throw Error($"MaxExitLayer is {MaxExitLayer}, below MinExitLayer {MinExitLayer}; give at least that");
        }

        if (FixedExitLayer is not null && (MaxExitLayer is not null || MinExitLayer > 0))
        {
            throw Error("FixedExitLayer leaves nothing to MinExitLayer and MaxExitLayer; give it alone");
        }

        if (GateHidden is < 1 or > LargestGateHidden)
        {
            throw Error($"GateHidden is {GateHidden}; give a width such as {GateInitialisation.DefaultHidden}");
        }

        OneOf(nameof(BatchPolicy), BatchPolicy, ["PerSample", "AllMustExit", "FirstSample"]);
        OneOf(nameof(GateInput), GateInput, GateInputs.Names);
        OneOf(nameof(GatePlacement), GatePlacement, ["device", "host"]);
        OneOf(nameof(GateDType), GateDType, ["model", "fp32"]);
    }

    /// <summary>Checks layer numbers against a model.</summary>
    /// <exception cref="ApertureException">The model has no such layer.</exception>
    public void CheckLayers(DecoderInfo decoder)
    {
        Check(nameof(MinExitLayer), MinExitLayer);
        Check(nameof(MaxExitLayer), MaxExitLayer);
        Check(nameof(FixedExitLayer), FixedExitLayer);

        void Check(string option, int? layer)
        {
            if (layer < 0 || layer >= decoder.Layers)
            {
                throw Error($"{option} is {layer}, but {decoder.Model} has layers 0 to {decoder.Layers - 1}");
            }
        }
    }

    internal static void OneOf(string option, string? value, IReadOnlyCollection<string> allowed)
    {
        if (value is null || !allowed.Contains(value))
        {
            throw Error($"{option} is '{value}'; it can be {string.Join(", ", allowed)}");
        }
    }

    internal static ApertureException Error(string message) => new($"{DyVteFactory.MethodName}: {message}.");

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Gates), "text", "none", "A DyVTE checkpoint folder, a gates file, or random; by default dyvte/gates.safetensors beside the model, else "
            + "the gates inside the model's own checkpoint."),
        new(nameof(Threshold), "number", "0.5", "Probability of exit that a gate must exceed, between 0 and 1; 0.5 is the official comparison of logits.")
        {
            Allowed = "above 0, below 1",
        },
        new(nameof(MinExitLayer), "integer", "0", "First layer after which tokens may go; gates below are not evaluated.") { Allowed = "0 or more" },
        new(nameof(MaxExitLayer), "integer", "none", "Layer after which tokens go in any case.") { Allowed = "0 or more" },
        new(nameof(FixedExitLayer), "integer", "none", "Layer after which tokens always go; no gates are needed.") { Allowed = "0 or more" },
        new(nameof(Patience), "integer", "1", "How many gates in a row must fire; at least 1.") { Allowed = "1 or more" },
        new(nameof(BatchPolicy), "text", "PerSample", "PerSample, AllMustExit (together, once every sample's gate has fired) or FirstSample (the official "
            + "code: the first sample decides for all).") { Allowed = "PerSample, AllMustExit, FirstSample" },
        new(nameof(DropOwnCache), "true/false", "false", "Also free the visual rows in the caches of the layers up to the exit; changes answers."),
        new(nameof(GateInput), "text", "text", "text (mean of the text behind the image and its last row), all-text (the mean takes the prefix in) or "
            + "attention (three rows of the head-maximum map).") { Allowed = "text, all-text, attention" },
        new(nameof(GatePlacement), "text", "device", "device, or host: gates stay in main memory and travel one layer at a time.") { Allowed = "device, host" },
        new(nameof(GateDType), "text", "model", "model, or fp32: the type that gates compute in.") { Allowed = "model, fp32" },
        new(nameof(GateHidden), "integer", "2048", "Hidden width of random gates.") { Allowed = "1 or more" },
        new(nameof(Seed), "integer", "42", "Seed of random gates."),
        new(nameof(Enabled), "true/false", "true", "false leaves the model as it is."),
    ];
}
