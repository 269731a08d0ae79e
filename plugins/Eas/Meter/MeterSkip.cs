using System.Text.Json;
using Aperture.Files;
using Aperture.Weights;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Finds the attentions to skip: the user's list, a search's file, or what a search left in the checkpoint.</summary>
internal static class MeterSkip
{

    /// <summary>The arms.</summary>
    /// <exception cref="ApertureException">The list is not one of numbers, the file holds none, or nothing says what is skipped.</exception>
    public static int[] Read(MeterOptions options, MeterConfig config, IWeightSource source, IMethodFiles files)
    {
        switch (options.Skip)
        {
            case { ValueKind: JsonValueKind.Array } list:
                return Arms(list, $"Skip {list.GetRawText()}");
            case { ValueKind: JsonValueKind.String } name:
                return FromFile(files.Resolve(name.GetString()!));
            default:
                return MeterCheckpoint.SearchedArms(source)
                    ?? (config.Adapted
                        ? throw new ApertureException(
                            $"{MeterFactory.ClassifierName}: this checkpoint has EAS's adapters but does not say which attentions it was trained without; "
                            + "set Skip to its list, such as [16, 13, 6], or to [] for none.")
                        : []);
        }
    }

    private static int[] FromFile(string path)
    {
        try
        {
            using JsonDocument document = JsonText.Parse(InputFile.Bytes(path, JsonText.LargestConfiguration));
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("skip", out JsonElement list)
                && list.ValueKind == JsonValueKind.Array
                ? Arms(list, path)
                : throw new ApertureException($"{path} is no file of a search: it has no list 'skip'.");
        }
        catch (JsonException error)
        {
            throw new ApertureException($"{path} cannot be read as a search's file: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private static int[] Arms(JsonElement list, string where)
        =>
        [
            .. list.EnumerateArray().Select(
                arm => arm.ValueKind == JsonValueKind.Number && arm.TryGetInt32(out int number)
                ? number
                : throw new ApertureException($"{where}: {arm.GetRawText()} is no number of an attention; write a list such as [16, 13, 6].")),
        ];
}
