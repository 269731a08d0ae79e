using System.Text.Json;

namespace Aperture.Engine;

/// <summary>Reads the JSON files of a checkpoint folder as untrusted input.</summary>
internal static class Checkpoints
{
    private const long LargestFile = 64 << 20;

    public static JsonDocument ReadJson(string path)
    {
        FileInfo file = new(path);
        if (file.Length > LargestFile)
        {
            throw new ApertureException($"{path} has {file.Length} bytes, more than a configuration file ever has; check the download.");
        }

        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 64 });
        }
        catch (JsonException error)
        {
            throw new ApertureException($"{path} is not valid JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine}); fetch the file again or mend it.", error);
        }
    }
}
