using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Training;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Host.Tests.Plugins;

/// <summary>A part of a plugin as lists and help show it. Holds text alone, so that it outlives the plugin.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">What users write.</param>
/// <param name="Summary">What it says of itself.</param>
/// <param name="Shapes">What a family or task says that it recognises.</param>
/// <param name="Options">The sets of options that it takes: of making, of training, of calibration.</param>
internal sealed record DescribedPart(string Kind, string Name, string Summary, IReadOnlyList<string> Shapes, IReadOnlyList<IReadOnlyList<MethodOption>> Options)
{
    /// <summary>All parts of a plugin, of every kind that the host knows.</summary>
    public static IReadOnlyList<DescribedPart> Of(PluginLease plugin) =>
    [
        .. plugin.Methods.Select(method => new DescribedPart(
            "method", method.Name, method.Summary, [], [[.. method.Options], Training(method), Calibration(method)])),
        .. Families(plugin).Select(family => new DescribedPart("model family", family.Name, family.Summary, [.. family.Recognised], [])),
        .. Encoders(plugin).Select(encoder => new DescribedPart("vision encoder", encoder.Name, encoder.Summary, [], [[.. encoder.Options]])),
        .. plugin.Tasks.Select(task => new DescribedPart("task", task.Name, task.Summary, [task.Checkpoints], [[.. task.Options], Training(task)])),
        .. plugin.Commands.Select(command => new DescribedPart(
            "command", command.Name, command.Summary, [], [[.. command.Arguments.Concat(command.Options).Select(Described)]])),
    ];

    /// <summary>The plugin's model families; valid as long as the lease.</summary>
    public static IEnumerable<IModelFamily> Families(PluginLease plugin) => plugin.Services.GetKeyedServices<IModelFamily>(KeyedService.AnyKey);

    /// <summary>The plugin's vision encoders; valid as long as the lease.</summary>
    public static IEnumerable<IVisionEncoderFactory> Encoders(PluginLease plugin)
        => plugin.Services.GetKeyedServices<IVisionEncoderFactory>(KeyedService.AnyKey);

    public override string ToString() => $"{Kind} '{Name}'";

    private static MethodOption[] Training(object part) => part switch
    {
        ITrainedMethod method => [.. method.TrainingOptions],
        ITrainedTask task => [.. task.TrainingOptions],
        _ => [],
    };

    private static MethodOption[] Calibration(IMethodFactory method) => method is ICalibratedMethod calibrated ? [.. calibrated.CalibrationOptions] : [];

    private static MethodOption Described(CommandParameter parameter)
        => new(parameter.Name, parameter.Type.ToString(), parameter.Default ?? "none", parameter.Summary);
}
