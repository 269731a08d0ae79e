using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Training;
using Microsoft.Extensions.Logging;

namespace Aperture.Plugins;

/// <summary>The steps of a load: examine the folder, copy it, load the copy, look at the methods.</summary>
internal sealed class PluginLoading(ShadowStore shadows, ILoggerFactory loggers)
{
    private readonly PluginDoctor _doctor = new();

    /// <summary>Loads a plugin into its slot.</summary>
    /// <returns>Why it did not load; null if it did.</returns>
    public PluginFailure? Load(PluginSlot slot, IEnumerable<PluginSlot> all)
    {
        PluginReport report = _doctor.Examine(slot.Entry.Folder, slot.Entry.Id);
        if (report.Failure is not null)
        {
            return report.Failure;
        }

        string shadow = Copy(report);
        PluginHandle? handle = PluginHandle.Load(report, shadow, loggers, out PluginFailure? failure);
        if (handle is not null)
        {
            failure = Describe(slot, handle, all) ?? DescribeTasks(slot, handle, all);
        }

        if (failure is not null)
        {
            handle?.StartUnload();
            shadows.Remove(shadow, stillUsed: false);
            return failure;
        }

        slot.Handle = handle;
        return null;
    }

    private string Copy(PluginReport report)
    {
        try
        {
            return shadows.Add(report.Plugin, report.Folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException(
                $"Plugin '{report.Plugin}': copying {report.Folder} failed ({error.Message.TrimEnd('.')}); make it readable, and free space in the temporary "
                + "folder or set TMPDIR to another.", error);
        }
    }

    // Copies what the factories say about themselves, so that lists outlive the plugin, and refuses names that another plugin has.
    private static PluginFailure? Describe(PluginSlot slot, PluginHandle handle, IEnumerable<PluginSlot> all)
    {
        PluginMethod[] methods;
        try
        {
            string[] names = [.. handle.Methods.Select(method => method.Name), .. handle.Tasks.Select(task => task.Name)];
            methods = [.. handle.Methods.Select(method => Describe(slot.Entry, method, names))];
        }
        catch (Exception error)
        {
            return new PluginFailure.InvalidMethods(
                slot.Entry.Id, $"asking for a method's summary, options and weights threw {error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")}");
        }

        foreach (PluginSlot other in all.Where(other => other != slot && other.Handle is not null))
        {
            HashSet<string> theirs = new(other.Methods!.Select(known => known.Name), StringComparer.OrdinalIgnoreCase);
            if (methods.FirstOrDefault(method => theirs.Contains(method.Name)) is { } taken)
            {
                return new PluginFailure.InvalidMethods(slot.Entry.Id, $"its method '{taken.Name}' is offered by plugin '{other.Entry.Id}' already");
            }
        }

        slot.Methods = methods;
        return null;
    }

    private static PluginMethod Describe(PluginEntry entry, IMethodFactory method, string[] names) => new(
        entry.Id, method.Name, method.Summary, [.. method.Options])
    {
        Paper = method.Paper,
        CalibrationOptions = method is ICalibratedMethod calibrated ? [.. calibrated.CalibrationOptions] : null,
        TrainingOptions = method is ITrainedMethod trained ? [.. trained.TrainingOptions] : null,
        Defaults = PluginDefaults.Apply(method.Name, names, entry.Options, default),
        WeightKeys = [.. method.WeightKeys],
        BaselineOption = method.BaselineOption,
        ActsBeforeEncoder = method.ActsBeforeEncoder,
    };

    private static PluginFailure? DescribeTasks(PluginSlot slot, PluginHandle handle, IEnumerable<PluginSlot> all)
    {
        PluginTask[] tasks;
        try
        {
            tasks = [.. handle.Tasks.Select(task => Describe(slot.Entry.Id, task))];
        }
        catch (Exception error)
        {
            string reason = $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")}";
            return new PluginFailure.InvalidTasks(slot.Entry.Id, $"asking for a task's summary and options threw {reason}");
        }

        foreach (PluginSlot other in all.Where(other => other != slot && other.Handle is not null))
        {
            if (Array.Find(tasks, task => other.Tasks!.Any(known => string.Equals(known.Name, task.Name, StringComparison.OrdinalIgnoreCase))) is { } taken)
            {
                return new PluginFailure.InvalidTasks(slot.Entry.Id, $"its task '{taken.Name}' is offered by plugin '{other.Entry.Id}' already");
            }
        }

        slot.Tasks = tasks;
        return null;
    }

    private static PluginTask Describe(string plugin, ITaskFactory task)
    {
        MethodOption[]? training = task is ITrainedTask trained ? [.. trained.TrainingOptions] : null;
        return new PluginTask(plugin, task.Name, PluginTask.KindOf(task.Contract), task.Summary, task.Checkpoints, [.. task.Options], training);
    }
}
