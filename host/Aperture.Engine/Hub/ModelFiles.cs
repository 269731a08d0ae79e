using System.Text.Json;
using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Hub;

/// <summary>Which files of a repository a model needs: configuration, tokenizer, and weights in one format, safetensors where there are any.</summary>
public static class ModelFiles
{
    private static readonly HashSet<string> _small = new(StringComparer.Ordinal)
    {
        "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "model_index.json", "scheduler_config.json",
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt",
        "merges.txt", "spiece.model", "sentencepiece.bpe.model", "chat_template.json", "chat_template.jinja", "adapter_config.json", "quantize_config.json",
        "quant_config.json", "hf_quant_config.json",
    };

    // In this order: the first form whose files are there is taken. "*" stands for a shard's number.
    private static readonly string[][] _weights =
    [
        ["model.safetensors"],
        ["model.safetensors.index.json", "model-*.safetensors"],
        ["diffusion_pytorch_model.safetensors"],
        ["diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model-*.safetensors"],
        ["pytorch_model.bin"],
        ["pytorch_model.bin.index.json", "pytorch_model-*.bin"],
        ["diffusion_pytorch_model.bin"],
    ];

    /// <summary>Picks a model's files out of a listing.</summary>
    public static IReadOnlyList<string> Select(IReadOnlyList<string> files)
    {
        bool isPipeline = files.Contains("model_index.json");
        List<string> chosen = new List<string>();
        foreach (IGrouping<string, string> folder in files.GroupBy(FolderOf, StringComparer.Ordinal))
        {
            if (folder.Key.Length > 0 && !(isPipeline && !folder.Key.Contains('/', StringComparison.Ordinal)))
            {
                continue;
            }

            chosen.AddRange(folder.Where(f => _small.Contains(NameOf(f))));
            chosen.AddRange(Weights([.. folder]));
        }

        return chosen;
    }

    /// <summary>The files that a model's folder lacks; empty when it is whole.</summary>
    public static IReadOnlyList<string> FindMissing(string folder)
    {
        if (HubCache.IsThere(Path.Combine(folder, "model_index.json")))
        {
            return [];
        }

        if (!HubCache.IsThere(Path.Combine(folder, "config.json")))
        {
            if (HubCache.IsThere(Path.Combine(folder, "adapter_config.json")))
            {
                return Directory.EnumerateFiles(folder, "adapter_model.*").Any(HubCache.IsThere) ? [] : ["adapter_model.safetensors"];
            }

            return ["config.json"];
        }

        string? index = Directory.EnumerateFiles(folder, "*.index.json")
            .OrderByDescending(f => f.Contains(".safetensors.", StringComparison.Ordinal))
            .FirstOrDefault(HubCache.IsThere);
        bool hasWeights = Directory.EnumerateFiles(folder).Any(f => IsWeights(NameOf(f)) && HubCache.IsThere(f));
        return index is null || HubCache.IsThere(Path.Combine(folder, "model.safetensors"))
            ? hasWeights ? [] : ["model.safetensors"]
            : [.. Shards(index).Where(shard => !HubCache.IsThere(Path.Combine(folder, shard)))];
    }

    /// <summary>
    /// The repository of the separate vision tower that an original LLaVA checkpoint names in <c>mm_vision_tower</c>, or null.
    /// </summary>
    public static string? FindVisionTower(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        if (!HubCache.IsThere(path))
        {
            return null;
        }

        try
        {
            using JsonDocument config = JsonText.Open(path);
            return config.RootElement.ValueKind == JsonValueKind.Object
                && config.RootElement.TryGetProperty("mm_vision_tower", out JsonElement tower)
                && tower.ValueKind == JsonValueKind.String
                && tower.GetString() is { } id
                && id.Contains('/', StringComparison.Ordinal)
                && HubRepo.IsId(id)
                ? id
                : null;
        }
        catch (JsonException e)
        {
            throw new ApertureException($"{path} is not JSON: {e.Message}", e);
        }
    }

    private static IEnumerable<string> Weights(IReadOnlyList<string> folder)
    {
        foreach (string[] form in _weights)
        {
            string[] found = [.. folder.Where(f => form.Any(pattern => IsLike(NameOf(f), pattern)))];
            if (found.Any(f => IsWeights(NameOf(f))))
            {
                return [.. found, .. folder.Where(f => NameOf(f) is "mm_projector.bin" or "non_lora_trainables.bin")];
            }
        }

        // Names of the author's own (adapters, single files).
        string[] own = [.. folder.Where(f => f.EndsWith(".safetensors", StringComparison.Ordinal))];
        return own.Length > 0 ? own : folder.Where(f => FolderOf(f).Length == 0 && f.EndsWith(".bin", StringComparison.Ordinal));
    }

    private static string[] Shards(string index)
    {
        try
        {
            using JsonDocument document = JsonText.Open(index);
            return [.. document.RootElement.GetProperty("weight_map").EnumerateObject()
                .Select(e => HubNames.RequireSafePath(e.Value.GetString() ?? ""))
                .Distinct()];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ApertureException($"{index} is not an index of weight files: {e.Message}", e);
        }
    }

    private static bool IsLike(string name, string pattern) => pattern.IndexOf('*', StringComparison.Ordinal) is >= 0 and int star
        ? name.StartsWith(pattern[..star], StringComparison.Ordinal) && name.EndsWith(pattern[(star + 1)..], StringComparison.Ordinal)
        : name == pattern;

    private static bool IsWeights(string name) => name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".bin", StringComparison.Ordinal);

    private static string FolderOf(string path) => path.LastIndexOf('/') is >= 0 and int slash ? path[..slash] : "";

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];
}
