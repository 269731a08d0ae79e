using System.Text.Json;
using Aperture.Models;

namespace Aperture.Weights;

/// <summary>What an <c>adapter_config.json</c> says about a LoRA adapter (Hu et al. 2021, arXiv 2106.09685), as PEFT writes it.</summary>
internal sealed record LoraConfig
{
    /// <summary>The file's name.</summary>
    public const string File = "adapter_config.json";

    // Ways of starting that change the base as well: what was trained on it fits the changed base alone.
    private static readonly string[] _plainStarts = ["gaussian", "eva", "orthogonal"];

    private static readonly string[] _refused =
    [
        "use_dora", "lora_bias", "trainable_token_indices", "target_parameters", "layer_replication", "use_qalora", "alora_invocation_tokens", "use_bdlora",
        "arrow_config",
    ];

    /// <summary>The repository or folder of the base; null where it is not said.</summary>
    public string? Base { get; init; }

    /// <summary>Divided by the rank, or by its root, the factor on what is added.</summary>
    public required double Alpha { get; init; }

    /// <summary>Whether the factor is divided by the rank's root (<c>use_rslora</c>).</summary>
    public bool ByRoot { get; init; }

    /// <summary>Whether the base's matrices are transposed (<c>fan_in_fan_out</c>).</summary>
    public bool Transposed { get; init; }

    /// <summary>Other values of <see cref="Alpha"/> for modules whose names end so.</summary>
    public IReadOnlyList<(string Ending, double Alpha)> Exceptions { get; init; } = [];

    /// <summary>Reads the file.</summary>
    /// <param name="json">Its content.</param>
    /// <param name="where">Its name, for messages.</param>
    /// <exception cref="ApertureException">It is another kind of adapter, or has a setting that is not supported; the line names it.</exception>
    public static LoraConfig Parse(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException($"{where} must hold a JSON object, not {json.ValueKind}.");
        }

        ConfigReader config = new(json, where);
        string kind = config.Text("peft_type", "LORA")!;
        if (!kind.Equals("LORA", StringComparison.OrdinalIgnoreCase))
        {
            throw new ApertureException($"{where}: peft_type '{kind}' is not supported, only LORA; merge the adapter into its base with PEFT first.");
        }

        foreach (string key in _refused.Where(key => config.Has(key) && !IsNothing(json.GetProperty(key))))
        {
            throw new ApertureException($"{where}: {key} is set, which is not supported; merge the adapter into its base with PEFT first.");
        }

        if (config.Has("init_lora_weights") && json.GetProperty("init_lora_weights") is { ValueKind: JsonValueKind.String } start
            && !_plainStarts.Contains(start.GetString()))
        {
            throw new ApertureException(
                $"{where}: init_lora_weights '{start.GetString()}' changes the base too, which is not supported; merge the adapter with PEFT first.");
        }

        int rank = config.Size("r", 8);
        return new LoraConfig
        {
            Base = config.Text("base_model_name_or_path", null),
            Alpha = config.Number("lora_alpha", rank),
            ByRoot = config.Flag("use_rslora", false),
            Transposed = config.Flag("fan_in_fan_out", false),
            Exceptions = config.Has("alpha_pattern")
                ? [.. config.Child("alpha_pattern").Root.EnumerateObject().Select(entry => (entry.Name, config.Child("alpha_pattern").Number(entry.Name, 0)))]
                : [],
        };
    }

    /// <summary>The factor on what is added to a module.</summary>
    /// <param name="module">The module's name.</param>
    /// <param name="rank">Its rank, as its matrices have it.</param>
    public double Scale(string module, long rank)
    {
        double alpha = Alpha;
        foreach ((string ending, double own) in Exceptions)
        {
            if (module == ending || module.EndsWith("." + ending, StringComparison.Ordinal))
            {
                alpha = own;
                break;
            }
        }

        return alpha / (ByRoot ? Math.Sqrt(rank) : rank);
    }

    private static bool IsNothing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False or JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };
}
