using System.Text.Json.Nodes;
using Aperture.Data;
using Aperture.Images;

namespace Aperture.Workshop;

/// <summary>
/// Writes heads seen from several points, to train a face generator on and to measure it with: <c>NNNNNN-V.png</c>, <c>NNNNNN-V-depth.png</c> (255 at the
/// nearest distance, 1 at the furthest, 0 for the wall), <c>NNNNNN-V-edit.png</c>, the same view after one attribute changed, and <c>heads.jsonl</c>, a line a
/// view with image, text, yaw, pitch, head, depth, edit, edit_text and attributes.
/// </summary>
public static class HeadSet
{
    /// <summary>Name of the file of samples.</summary>
    public const string SamplesFile = "heads.jsonl";

    /// <summary>Largest angles of cameras to either side, and up and down.</summary>
    public const double LargestYaw = 0.6, LargestPitch = 0.25;

    private const long FirstStream = 5L << 56;

    /// <summary>Writes a set. The same seed writes the same files.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="part">Which combinations of attributes.</param>
    /// <param name="heads">How many heads.</param>
    /// <param name="views">Views of each.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="progress">Gets how many heads are done.</param>
    /// <returns>The number of views.</returns>
    public static int Write(string folder, HeadPart part, int heads, int views, long seed, IProgress<int>? progress = null)
    {
        Directory.CreateDirectory(folder);
        using StreamWriter lines = new(Path.Combine(folder, SamplesFile));
        for (int number = 0; number < heads; number++)
        {
            SeededRandom random = new(seed, FirstStream + number);
            PaintedHead head = PaintedHead.Draw(part, random);
            (PaintedHead edited, HeadAttribute attribute) = head.Edited(random);
            for (int view = 0; view < views; view++)
            {
                HeadCamera camera = new(random.Uniform(-LargestYaw, LargestYaw), random.Uniform(-LargestPitch, LargestPitch));
                string name = FormattableString.Invariant($"{number:000000}-{view}");
                HeadView seen = HeadPainter.Paint(head, camera);
                Save(seen.Pixels, name + ".png");
                Save(HeadPainter.Paint(edited, camera).Pixels, name + "-edit.png");
                Image.FromPixels(ImageMode.L, Grey(seen.Depth), HeadPainter.Side, HeadPainter.Side).SavePng(Path.Combine(folder, name + "-depth.png"));
                JsonObject attributes = [];
                HeadWords.Attributes.ToList().ForEach(one => attributes[one.ToString()] = head[one]);
                lines.Write(new JsonObject
                {
                    ["image"] = name + ".png",
                    ["text"] = random.Pick(HeadSentences.Of(head)),
                    ["yaw"] = camera.Yaw,
                    ["pitch"] = camera.Pitch,
                    ["head"] = number,
                    ["depth"] = name + "-depth.png",
                    ["edit"] = name + "-edit.png",
                    ["edit_text"] = random.Pick(HeadSentences.Of(edited)),
                    ["attributes"] = attributes,
                    ["edit_attribute"] = attribute.ToString(),
                    ["edit_value"] = edited[attribute],
                    ["width"] = head.Width,
                    ["height"] = head.Height,
                }.ToJsonString() + "\n");
            }

            progress?.Report(number + 1);
        }

        return heads * views;

        void Save(byte[] pixels, string name) => Image.FromRgb(pixels, HeadPainter.Side, HeadPainter.Side).SavePng(Path.Combine(folder, name));
    }

    private static byte[] Grey(float[] depth)
    {
        const double Step = (HeadCamera.Far - HeadCamera.Near) / 254;
        return [.. depth.Select(far => far == 0 ? byte.MinValue : (byte)Math.Clamp(1 + Math.Round((HeadCamera.Far - far) / Step), 1, 255))];
    }
}
