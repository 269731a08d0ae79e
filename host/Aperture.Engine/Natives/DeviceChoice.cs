using TorchSharp;

namespace Aperture.Natives;

/// <summary>The device a user asked for: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
public sealed record DeviceChoice
{
    private DeviceChoice(string text, bool? isCuda, int index)
    {
        Text = text;
        IsCuda = isCuda;
        Index = index;
    }

    /// <summary>The GPU where there is one, else the CPU.</summary>
    public static DeviceChoice Auto { get; } = new("auto", null, 0);

    /// <summary>As the user wrote it.</summary>
    public string Text { get; }

    private bool? IsCuda { get; }

    private int Index { get; }

    /// <summary>Reads a choice; null if the text is none.</summary>
    public static DeviceChoice? TryParse(string text) => text switch
    {
        "auto" => Auto,
        "cpu" => new DeviceChoice(text, false, 0),
        "cuda" => new DeviceChoice(text, true, 0),
        _ when text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text["cuda:".Length..], out int index) && index is >= 0 and < 64 =>
            new DeviceChoice(text, true, index),
        _ => null,
    };

    /// <summary>The device; loads libtorch.</summary>
    /// <exception cref="ApertureException">There is no such GPU.</exception>
    public torch.Device Open()
    {
        TorchNatives.Load();
        if (IsCuda == false)
        {
            return torch.CPU;
        }

        int count = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        return (IsCuda, Index < count) switch
        {
            (_, true) => new torch.Device(DeviceType.CUDA, Index),
            (null, false) => torch.CPU,
            _ => throw new ApertureException(
                count == 0
                    ? $"--device {Text}: libtorch sees no GPU here; use --device cpu, or a CUDA libtorch (build with -p:TorchBackend=cuda, or set "
                        + $"{TorchNatives.Variable})."
                    : $"--device {Text}: there are {count} GPU(s), numbered from 0."),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Text;
}
