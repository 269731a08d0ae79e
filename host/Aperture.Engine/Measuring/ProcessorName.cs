using System.Runtime.InteropServices;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Measuring;

/// <summary>The name of what computes, as Linux and the NVIDIA driver give it.</summary>
internal static class ProcessorName
{
    private const string Cpus = "/proc/cpuinfo", Gpus = "/proc/driver/nvidia/gpus";
    private static readonly string _cpu = Cpu(File.Exists(Cpus) ? File.ReadLines(Cpus) : []);

    /// <summary>The CPU's name for the CPU; the GPU's for a GPU or, where the driver tells none or several, the device as on the command line.</summary>
    /// <param name="device">The device.</param>
    public static string Of(Device device) => device.type == DeviceType.CUDA ? Gpu(GpuFiles()) ?? device.ToString() : _cpu;

    /// <summary>The CPU's name from the lines of <c>/proc/cpuinfo</c>; the architecture where they have none, as on ARM.</summary>
    /// <param name="lines">The lines; read as far as the name.</param>
    public static string Cpu(IEnumerable<string> lines) => Value(lines, "model name") ?? $"{RuntimeInformation.ProcessArchitecture} processor";

    /// <summary>
    /// The one name that the driver's files give to all GPUs; null where there is none or more than one, because the driver numbers GPUs in an order of its
    /// own.
    /// </summary>
    /// <param name="files">Lines of each GPU's file.</param>
    public static string? Gpu(IEnumerable<IEnumerable<string>> files)
        => files.Select(lines => Value(lines, "Model")).Distinct().ToArray() is [{ } only] ? only : null;

    private static IEnumerable<IEnumerable<string>> GpuFiles()
        => Directory.Exists(Gpus)
            ? Directory.EnumerateDirectories(Gpus).Select(folder => Path.Combine(folder, "information")).Where(File.Exists).Select(File.ReadLines)
            : [];

    // The first "key : value" line of a key, with a value.
    private static string? Value(IEnumerable<string> lines, string key)
        => lines.Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .FirstOrDefault(parts => parts is [{ } name, { Length: > 0 }] && name == key)?[1];
}
