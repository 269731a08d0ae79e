using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// The files of a LaVIN as their authors release them: LLaMA in Meta's layout (or in Hugging Face's), its <c>tokenizer.model</c>, OpenAI's CLIP, and the file
/// with the trained adapters. They may lie in one folder, or LLaMA in a folder below the others (<c>7B</c>).
/// </summary>
/// <param name="Llama">The folder with LLaMA's weights.</param>
/// <param name="Tokenizer">The folder with the tokenizer; null where there is none.</param>
/// <param name="Clip">OpenAI's <c>ViT-L-14.pt</c>, or the folder of a CLIP in Hugging Face's layout.</param>
/// <param name="Adapters">The adapters, such as <c>checkpoint-19.pth</c>; null for untrained ones.</param>
internal sealed record LavinFiles(string Llama, string? Tokenizer, string Clip, string? Adapters)
{
    private const string ClipFile = "ViT-L-14.pt", ConfigFile = "config.json", Fresh = "fresh";
    private static readonly string[] _baseFiles = ["consolidated.", "model", "pytorch_model"]; // how names of LLaMA's own files begin

    /// <summary>
    /// Whether a folder holds a LaVIN: it, or one folder below it, holds LLaMA in Meta's layout; or it holds a LLaMA in Hugging Face's, with OpenAI's CLIP in
    /// or above it.
    /// </summary>
    /// <param name="folder">The folder.</param>
    public static bool IsLavin(string folder)
        => Directory.Exists(folder)
            && (File.Exists(Path.Combine(folder, ConfigFile)) ? IsPlainLlama(folder) && Places(folder, folder).Any(HasClip) : LlamaFolders(folder).Any());

    /// <summary>Finds the files.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="opening">May name CLIP (as the tower) and the adapters.</param>
    /// <exception cref="ApertureException">A file is missing, or there are several that could be meant.</exception>
    public static LavinFiles Find(string folder, ModelOpening opening)
    {
        string[] folders = [.. LlamaFolders(folder)];
        if (folders.Length != 1)
        {
            throw new ApertureException(folders.Length == 0
                ? $"Folder '{folder}' holds no LLaMA in Meta's layout (params.json and consolidated.00.pth), so it is no LaVIN."
                : $"Folder '{folder}' holds LLaMA in several sizes ({string.Join(", ", folders.Select(Path.GetFileName))}); name one of these folders.");
        }

        string llama = folders[0];
        string[] places = Places(llama, folder);
        string clip = opening.Tower ?? places.Select(place => Path.Combine(place, ClipFile)).FirstOrDefault(File.Exists)
            ?? throw new ApertureException(
                $"LaVIN's vision tower {ClipFile} is not in '{folder}'; put OpenAI's file there, or name it or the folder of openai/clip-vit-large-patch14 "
                + "as the tower option.");
        return new LavinFiles(
            llama, places.FirstOrDefault(place => File.Exists(Path.Combine(place, "tokenizer.model"))), clip,
            opening.Adapters == Fresh ? null : opening.Adapters ?? FindAdapters(places));
    }

    private static string FindAdapters(string[] places)
    {
        string[] found = [.. places.SelectMany(Directory.GetFiles)
            .Where(
                file
                    => Path.GetExtension(file) is ".pth" or ".safetensors"
                        && !_baseFiles.Any(start => Path.GetFileName(file).StartsWith(start, StringComparison.Ordinal)))
            .Distinct().Order(StringComparer.Ordinal)];
        return found.Length switch
        {
            1 => found[0],
            0 => throw new ApertureException(
                $"LaVIN's adapters (a .pth file such as checkpoint-19.pth) are not in '{places[^1]}'; put the file there, name it as the adapters option, or "
                + $"give '{Fresh}' there to begin a training."),
            _ => throw new ApertureException(
                $"'{places[^1]}' holds several adapter files ({string.Join(", ", found.Select(Path.GetFileName))}); name one as the adapters option."),
        };
    }

    private static IEnumerable<string> LlamaFolders(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return MetaLlamaWeights.IsIn(folder) || IsPlainLlama(folder)
            ? [folder]
            : Directory.EnumerateDirectories(folder).Where(MetaLlamaWeights.IsIn).Order(StringComparer.Ordinal);
    }

    private static string[] Places(string llama, string folder)
        => [.. new[] { llama, folder, Path.GetDirectoryName(Path.GetFullPath(llama)) ?? llama }.Distinct()];

    private static bool HasClip(string folder) => File.Exists(Path.Combine(folder, ClipFile));

    // A LLaMA in Hugging Face's layout that is no LLaVA.
    private static bool IsPlainLlama(string folder)
    {
        string path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path))
        {
            return false;
        }

        JsonElement root = ModelFolder.ReadJson(path);
        return root.ValueKind == JsonValueKind.Object
            && root.TryGetProperty("model_type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("llama")
            && !root.EnumerateObject().Any(property => property.Name.StartsWith("mm_", StringComparison.Ordinal));
    }
}
