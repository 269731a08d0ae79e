using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>Devices by the names that the command line and scripts use.</summary>
public static class Devices
{
    /// <summary>The device of a name.</summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <exception cref="ApertureException">The name is unknown, or the device is not there.</exception>
    public static Device Parse(string name)
    {
        if (name == "cpu")
        {
            return CPU;
        }

        string[] parts = name.Split(':');
        bool known = parts[0] == "cuda" && parts.Length <= 2;
        int index = 0;
        if (!known || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index)))
        {
            throw new ApertureException($"Device '{name}' is not known; use cpu, cuda or cuda:N.");
        }

        if (!cuda.is_available())
        {
            throw new ApertureException(
                $"Device '{name}' is not there: this libtorch has no CUDA or finds no GPU; use cpu, or point APERTURE_LIBTORCH at a CUDA build.");
        }

        return index < cuda.device_count()
            ? new Device(DeviceType.CUDA, index)
            : throw new ApertureException($"Device '{name}' is not there: {cuda.device_count()} GPU(s) found, cuda:0 is the first.");
    }
}
