using Aperture.Images;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>The real pictures of a training and their sentences.</summary>
internal sealed class FacePhotos
{
    private readonly IReadOnlyList<TaskSample> _samples;
    private readonly int _side;

    /// <summary>Checks samples.</summary>
    /// <param name="samples">Each with a picture and a sentence.</param>
    /// <param name="side">Side of the pictures that are made.</param>
    /// <exception cref="ApertureException">A sample lacks one of them.</exception>
    public FacePhotos(IReadOnlyList<TaskSample> samples, int side)
    {
        (_samples, _side) = (samples, side);
        for (int sample = 0; sample < samples.Count; sample++)
        {
            if (samples[sample].Pictures.Count != 1 || string.IsNullOrWhiteSpace(samples[sample].Text))
            {
                throw new ApertureException(
                    $"{FaceFactory.GeneratorName}: sample {sample + 1} has {samples[sample].Pictures.Count} pictures and "
                    + $"{(string.IsNullOrWhiteSpace(samples[sample].Text) ? "no" : "a")} sentence; give image and text, one of each.");
            }
        }
    }

    /// <summary>Samples.</summary>
    public int Count => _samples.Count;

    /// <summary>The sentence of a sample.</summary>
    public string Sentence(int sample) => _samples[sample].Text;

    /// <summary>Pictures stretched to the generator's square, -1 to 1, <c>[B, 3, H, W]</c>; the caller disposes it.</summary>
    /// <param name="samples">Which.</param>
    /// <param name="mirrored">Which of them are mirrored.</param>
    public Tensor Pictures(IReadOnlyList<int> samples, IReadOnlyList<bool> mirrored)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor One(int place)
        {
            Tensor unit = Picture(_samples[samples[place]].Pictures[0], _side);
            return mirrored[place] ? unit.flip(2) : unit;
        }

        return stack([.. Enumerable.Range(0, samples.Count).Select(One)]).MoveToOuterDisposeScope();
    }

    /// <summary>A picture stretched to a square, -1 to 1, <c>[3, side, side]</c>; the caller disposes it.</summary>
    public static Tensor Picture(string file, int side)
    {
        using DisposeScope scope = NewDisposeScope();
        Image image = Image.Load(file).ConvertToRgb().Resize(side, side, ResampleFilter.Box);
        return image.ToTensor().permute(2, 0, 1).to(ScalarType.Float32).div(127.5).sub(1).MoveToOuterDisposeScope(); // [H, W, 3] -> [3, H, W]
    }
}
