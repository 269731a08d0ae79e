using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Refer;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>Samples of a DIT training: a picture, sentences that name one thing in it, and the thing's mask.</summary>
/// <param name="Picture">Full path of the picture.</param>
/// <param name="Mask">Full path of the mask.</param>
/// <param name="Sentences">The sentences, at least one.</param>
internal sealed record DitSample(string Picture, string Mask, IReadOnlyList<string> Sentences)
{
    private const double Recoloured = 0.8, Mirrored = 0.5;
    private const int Sizes = 7, SizeSteps = 16;

    /// <summary>Reads samples: each has a picture, a <c>mask</c> (a picture or a NumPy file) and a <c>text</c>, a list <c>sentences</c>, or both.</summary>
    /// <exception cref="ApertureException">A sample lacks one, or a file is missing.</exception>
    public static IReadOnlyList<DitSample> Read(IReadOnlyList<TaskSample> samples) => [.. samples.Select(Read)];

    /// <summary>Draws a sentence and the picture as a step sees it.</summary>
    /// <param name="side">Side of the square.</param>
    /// <param name="random">Draws.</param>
    /// <param name="augment">Whether it is resized, recoloured and, where asked, mirrored at random.</param>
    /// <param name="mirror">Whether it may be mirrored.</param>
    /// <returns>Pixels <c>[1, 3, side, side]</c>, the soft mask <c>[1, 1, side, side]</c> and the sentence; in the caller's scope.</returns>
    public (Tensor Pixels, Tensor Mask, string Sentence) Draw(int side, Random random, bool augment, bool mirror)
    {
        string sentence = Sentences[random.Next(Sentences.Count)];
        Image picture = Image.Load(Picture).ConvertToRgb(), mask = MaskFiles.Load(Mask);
        if ((picture.Width, picture.Height) != (mask.Width, mask.Height))
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: the mask '{Mask}' has {mask.Width}x{mask.Height} pixels, its picture {picture.Width}x{picture.Height}.");
        }

        int longest = augment ? side - (random.Next(Sizes) * side / SizeSteps) : side;
        Frame frame = Frame.Dit(picture.Width, picture.Height, side, longest);
        (picture, mask) = (frame.Resize(picture), frame.Resize(mask));
        if (augment && random.NextDouble() < Recoloured)
        {
            picture = Recolouring.Random(picture, random);
        }

        if (augment && mirror && random.NextDouble() < Mirrored)
        {
            (picture, mask, sentence) = (Mirror(picture), Mirror(mask), Swapped(sentence));
        }

        return (frame.Pixels(picture), frame.Mask(mask).unsqueeze(0), sentence);
    }

    /// <summary>A sentence about the mirrored picture.</summary>
    internal static string Swapped(string sentence)
        => string.Join("left", sentence.Split("right").Select(part => part.Replace("left", "right", StringComparison.Ordinal)));

    private static Image Mirror(Image image)
    {
        byte[] pixels = image.Pixels.ToArray(), mirrored = new byte[pixels.Length];
        int channels = image.Channels;
        for (int pixel = 0; pixel < image.Width * image.Height; pixel++)
        {
            int opposite = (pixel / image.Width * image.Width) + image.Width - 1 - (pixel % image.Width);
            pixels.AsSpan(pixel * channels, channels).CopyTo(mirrored.AsSpan(opposite * channels));
        }

        return Image.FromPixels(image.Mode, mirrored, image.Width, image.Height);
    }

    private static DitSample Read(TaskSample sample, int index)
    {
        ApertureException Lacks(string what) => new(
            $"{DitFactory.SegmenterName}: sample {index + 1} {what}; a line is such as {{\"image\": \"a.jpg\", \"text\": \"the red bag\", \"mask\": "
            + "\"a.png\"}.");
        if (sample.Pictures.Count != 1)
        {
            throw Lacks($"has {sample.Pictures.Count} pictures instead of one");
        }

        if (!sample.Fields.TryGetValue("mask", out JsonElement mask) || mask.ValueKind != JsonValueKind.String)
        {
            throw Lacks("has no mask");
        }

        string[] further = sample.Fields.TryGetValue("sentences", out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Lacks("has a sentence that is no "
                + "text"))]
            : [];
        string[] sentences = [.. further.Prepend(sample.Text).Where(sentence => !string.IsNullOrWhiteSpace(sentence)).Distinct()];
        string file = Path.Combine(sample.Folder, mask.GetString()!);
        foreach (string path in new[] { sample.Pictures[0], file })
        {
            if (!File.Exists(path))
            {
                throw Lacks($"names '{path}', which does not exist");
            }
        }

        return sentences.Length > 0 ? new DitSample(sample.Pictures[0], file, sentences) : throw Lacks("has no sentence");
    }
}
