using System.Text.Json;
using Aperture.Measuring;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Plugins;

/// <summary>A place where a part of a plugin takes options: making, training or calibrating a method, opening or training a task's model.</summary>
/// <param name="Part">The part's name.</param>
/// <param name="Described">The options that it says it takes there.</param>
/// <param name="Bind">Gives it options and nothing else to work with: no model, no checkpoint, no samples.</param>
internal sealed record OptionPlace(string Part, IReadOnlyList<MethodOption> Described, Action<JsonElement> Bind)
{
    /// <summary>All such places of a plugin; valid as long as the lease.</summary>
    /// <param name="plugin">The plugin.</param>
    /// <param name="files">Finds no file.</param>
    /// <param name="empty">An empty folder.</param>
    public static IEnumerable<OptionPlace> Of(PluginLease plugin, IMethodFiles files, string empty) =>
        [.. plugin.Methods.SelectMany(method => Of(method, files)), .. plugin.Tasks.SelectMany(task => Of(task, files, empty))];

    private static IEnumerable<OptionPlace> Of(IMethodFactory method, IMethodFiles files)
    {
        yield return new(method.Name, method.Options, options => method.Create(options, PluginSandbox.Decoder, files).Dispose());
        if (method is ITrainedMethod trained)
        {
            yield return new(method.Name, trained.TrainingOptions, options => trained.BeginTraining(null!, options).Dispose());
        }

        if (method is ICalibratedMethod calibrated)
        {
            yield return new(method.Name, calibrated.CalibrationOptions, options => calibrated.Calibrate(null!, options, null, CancellationToken.None));
        }
    }

    private static IEnumerable<OptionPlace> Of(ITaskFactory task, IMethodFiles files, string empty)
    {
        ITaskFactory<ITaskModel> opener = (ITaskFactory<ITaskModel>)task;
        yield return new(task.Name, task.Options, options => opener.Open(empty, options, CPU, files).Dispose());
        if (task is ITrainedTask trained)
        {
            yield return new(task.Name, trained.TrainingOptions, options => trained.BeginTraining(empty, [], options, CPU, files, empty).Dispose());
        }
    }
}
