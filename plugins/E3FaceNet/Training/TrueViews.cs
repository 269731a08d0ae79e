using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>
/// What samples say beyond picture and sentence: <c>yaw</c> and <c>pitch</c> of the camera in radians, a number <c>head</c>, the file <c>depth</c> (255 at the
/// nearest distance of the generator's rays, 1 at the furthest, 0 where there is no face), and the file <c>edit</c>, the same view as <c>edit_text</c> says.
/// </summary>
internal sealed class TrueViews
{
    private readonly IReadOnlyList<TaskSample> _samples;
    private readonly CameraPose[] _poses;
    private readonly int _side;

    /// <summary>Checks samples.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="side">Side of the pictures that are made.</param>
    /// <param name="depths">Whether depths are wanted.</param>
    /// <param name="edits">Whether edits are wanted.</param>
    /// <exception cref="ApertureException">A sample lacks something that is wanted.</exception>
    public TrueViews(IReadOnlyList<TaskSample> samples, int side, bool depths, bool edits)
    {
        (_samples, _side) = (samples, side);
        _poses = [.. samples.Select((_, sample) => new CameraPose(Number(sample, "yaw"), (Math.PI / 2) - Number(sample, "pitch")))];
        for (int sample = 0; sample < samples.Count; sample++)
        {
            if (samples[sample].Fields.ContainsKey("head") && Number(sample, "head") is not (>= 0 and <= uint.MaxValue))
            {
                throw Wrong(sample, "head", $"number from 0 to {uint.MaxValue} as");
            }

            string[] wanted = [.. depths ? new[] { "depth" } : [], .. edits ? new[] { "edit", "edit_text" } : []];
            Array.ForEach(wanted, name => Text(sample, name));
        }
    }

    /// <summary>The cameras.</summary>
    public CameraPose[] Poses(IReadOnlyList<int> samples) => [.. samples.Select(sample => _poses[sample])];

    /// <summary>The number of a sample's head; a sample without one is a head of its own.</summary>
    public long Head(int sample) => _samples[sample].Fields.ContainsKey("head") ? (long)Number(sample, "head") : sample;

    /// <summary>The sentence of a sample's edit.</summary>
    public string EditSentence(int sample) => Text(sample, "edit_text");

    /// <summary>Edited pictures, -1 to 1, <c>[B, 3, H, W]</c>; the caller disposes it.</summary>
    public Tensor Edits(IReadOnlyList<int> samples)
    {
        using DisposeScope scope = NewDisposeScope();
        return stack([.. samples.Select(sample => FacePhotos.Picture(File(sample, "edit"), _side))]).MoveToOuterDisposeScope();
    }

    /// <summary>How near faces are, 1 at the nearest distance, 0 at the furthest and where there is none, <c>[B, H, W]</c>; the caller disposes it.</summary>
    public Tensor Nearness(IReadOnlyList<int> samples)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor One(int sample)
        {
            Image image = Image.Load(File(sample, "depth")).ConvertToL().Resize(_side, _side, ResampleFilter.Nearest);
            return image.ToTensor().view(_side, _side).to(ScalarType.Float32).sub(1).clamp_min(0).div(byte.MaxValue - 1);
        }

        return stack([.. samples.Select(One)]).MoveToOuterDisposeScope();
    }

    private string File(int sample, string name) => Path.Combine(_samples[sample].Folder, Text(sample, name));

    private double Number(int sample, string name)
        => _samples[sample].Fields.TryGetValue(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble() : throw Wrong(sample, name, "number");

    private string Text(int sample, string name)
        => _samples[sample].Fields.TryGetValue(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            && !string.IsNullOrWhiteSpace(value.GetString())
            ? value.GetString()! : throw Wrong(sample, name, "text");

    private static ApertureException Wrong(int sample, string name, string kind)
        => new(
            $"{FaceFactory.GeneratorName}: sample {sample + 1} has no {kind} '{name}', as training on views takes; a line is such as {{\"image\": "
            + "\"a.png\", \"text\": \"a face\", \"yaw\": 0.3, \"pitch\": 0, \"head\": 7, \"depth\": \"a-depth.png\", \"edit\": \"b.png\", "
            + "\"edit_text\": \"another\"}.");
}
