using System.CommandLine;
using Aperture.Natives;
using TorchSharp;

namespace Aperture.Host;

/// <summary>The options <c>--device</c> and <c>--threads</c>, which every verb takes.</summary>
/// <param name="tell">Gets a line where libtorch has to be fetched first; null for nobody.</param>
internal sealed class ComputeOptions(Action<string>? tell = null)
{
    private readonly Option<DeviceChoice> _device = new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda or cuda:N.",
        HelpName = "device",
        Recursive = true,
        DefaultValueFactory = _ => DeviceChoice.Auto,
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            DeviceChoice? choice = DeviceChoice.TryParse(text);
            if (choice is null)
            {
                result.AddError($"--device {text}: give auto, cpu, cuda or cuda:N.");
            }

            return choice;
        },
    };

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "CPU threads for tensor operations; all cores by default.",
        HelpName = "count",
        Recursive = true,
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            if (int.TryParse(text, out int count) && count is > 0 and <= 4096)
            {
                return count;
            }

            result.AddError($"--threads {text}: give a number from 1.");
            return null;
        },
    };

    /// <summary>Adds the options to the root command; they then work before and after every verb.</summary>
    public void AddTo(RootCommand root)
    {
        root.Options.Add(_device);
        root.Options.Add(_threads);
    }

    /// <summary>The device that was asked for.</summary>
    public DeviceChoice Device(ParseResult parsed) => parsed.GetValue(_device) ?? DeviceChoice.Auto;

    /// <summary>The thread count that was asked for, or null.</summary>
    public int? Threads(ParseResult parsed) => parsed.GetValue(_threads);

    /// <summary>Loads libtorch, sets the thread count and opens the device. A verb that computes calls it before its first tensor.</summary>
    public torch.Device Open(ParseResult parsed)
    {
        LibtorchPackage.Provide(AppContext.BaseDirectory, tell);
        torch.Device device = Device(parsed).Open();
        if (Threads(parsed) is { } threads)
        {
            torch.set_num_threads(threads);
        }

        return device;
    }
}
