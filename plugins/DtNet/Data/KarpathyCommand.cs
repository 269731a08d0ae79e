using System.Buffers;
using System.Text.Json;
using Aperture.Files;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>
/// <c>aperture karpathy</c>: writes a part of Karpathy's split of MS-COCO as samples to train on, or as references to score against.
/// </summary>
internal sealed class KarpathyCommand : IPluginCommand
{
    public const string Verb = "karpathy";

    public string Name => Verb;

    public string Summary => "Write a part of Karpathy's split of MS-COCO as training samples, or as references for score.";

    public IReadOnlyList<CommandParameter> Arguments =>
    [
        new("annotations", "Folder with captions_train2014.json, captions_val2014.json and the arrays coco_*_ids.npy.")
        {
            Required = true,
            ValueName = "folder",
        },
        new("output", "File to write: JSON lines of samples, or JSON of references.") { Required = true, ValueName = "file" },
    ];

    public IReadOnlyList<CommandParameter> Options =>
    [
        new("part", $"Which part: {string.Join(", ", KarpathySplit.Parts)}.") { Default = "train" },
        new("pictures", "A sample for each picture with all of its captions, as self-critical training wants; else one for each caption.")
        {
            Type = CommandValue.Flag,
        },
        new("references", "References by picture instead of samples.") { Type = CommandValue.Flag },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<CocoCaption> captions = KarpathySplit.Read(context.Text("annotations")!, context.Text("part")!);
        string output = context.Text("output")!;
        if (context.Flag("references"))
        {
            AtomicFile.Write(output, References(captions));
        }
        else
        {
            AtomicFile.Write(output, Samples(captions, context.Flag("pictures")));
        }

        context.WriteLine(
            $"{captions.Count} captions of {captions.Select(caption => caption.ImageId).Distinct().Count()} pictures in {Path.GetFullPath(output)}");
        return Task.FromResult(0);
    }

    /// <summary>JSON lines of samples.</summary>
    internal static byte[] Samples(IReadOnlyList<CocoCaption> captions, bool byPicture)
    {
        ArrayBufferWriter<byte> bytes = new();
        IEnumerable<IEnumerable<CocoCaption>> samples = byPicture
            ? captions.GroupBy(caption => caption.ImageId)
            : captions.Select(caption => new[] { caption });
        foreach (IEnumerable<CocoCaption> sample in samples)
        {
            CocoCaption first = sample.First();
            using (Utf8JsonWriter json = new(bytes))
            {
                json.WriteStartObject();
                json.WriteNumber("id", first.ImageId);
                json.WriteString("text", first.Text);
                if (byPicture)
                {
                    json.WriteStartArray("captions");
                    foreach (CocoCaption caption in sample)
                    {
                        json.WriteStringValue(caption.Text);
                    }

                    json.WriteEndArray();
                }

                json.WriteEndObject();
            }

            bytes.Write("\n"u8);
        }

        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>JSON from ids to sentences.</summary>
    internal static byte[] References(IReadOnlyList<CocoCaption> captions)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            foreach (IGrouping<long, CocoCaption> picture in captions.GroupBy(caption => caption.ImageId))
            {
                json.WriteStartArray(picture.Key.ToString());
                foreach (CocoCaption caption in picture)
                {
                    json.WriteStringValue(caption.Text);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }
}
