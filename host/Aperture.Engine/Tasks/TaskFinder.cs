using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Tasks;

/// <summary>Finds the architecture that a checkpoint is of: the one that is named, or the one among all plugins that recognises it.</summary>
/// <typeparam name="T">What is wanted; <see cref="ITaskModel"/> for anything.</typeparam>
internal static class TaskFinder<T>
    where T : class, ITaskModel
{
    private static readonly bool _anything = typeof(T) == typeof(ITaskModel);

    /// <summary>The architecture, and a lease on its plugin.</summary>
    /// <param name="plugins">The plugins.</param>
    /// <param name="path">Full path of the checkpoint.</param>
    /// <param name="architecture">Its name; null to have it recognised.</param>
    /// <param name="found">The architecture; valid as long as the lease.</param>
    /// <exception cref="ApertureException">There is none, or there are several; the message names them.</exception>
    public static PluginLease Find(PluginHost plugins, string path, string? architecture, out ITaskFactory<T> found)
    {
        if (architecture is null)
        {
            return Recognise(plugins, path, out found);
        }

        PluginLease lease = plugins.LeaseFor(architecture, "task", out ITaskFactory named);
        found = (named as ITaskFactory<T>)!;
        if (found is null)
        {
            lease.Dispose();
            throw new ApertureException($"'{architecture}' is {Kind(named)}, not {Kind()}; load it as {named.Contract.Name}.");
        }

        return lease;
    }

    private static PluginLease Recognise(PluginHost plugins, string path, out ITaskFactory<T> found)
    {
        IReadOnlyList<PluginLease> leases = plugins.LeaseTasks(out IReadOnlyList<PluginFailure> failures);
        PluginLease? chosen = null;
        try
        {
            using TaskCheckpoint checkpoint = new(path);
            (PluginLease Lease, ITaskFactory Task)[] all = [.. leases.SelectMany(lease => lease.Tasks.Select(task => (lease, task)))];
            (PluginLease Lease, ITaskFactory Task)[] known =
                [.. all.Where(pair => pair.Task is ITaskFactory<T> && Recognises(pair.Lease, pair.Task, checkpoint))];
            if (known.Length > 1)
            {
                string[] names = [.. known.Select(pair => pair.Task.Name)];
                throw new ApertureException(
                    $"'{path}' may be of several architectures: {string.Join(", ", names)}; say which, such as architecture: \"{names[0]}\".");
            }

            if (known.Length == 0)
            {
                throw None(path, checkpoint, all, failures);
            }

            chosen = known[0].Lease;
            found = (ITaskFactory<T>)known[0].Task;
            return chosen;
        }
        finally
        {
            foreach (PluginLease lease in leases.Where(lease => lease != chosen))
            {
                lease.Dispose();
            }
        }
    }

    private static ApertureException None(
        string path, TaskCheckpoint checkpoint, (PluginLease Lease, ITaskFactory Task)[] all, IReadOnlyList<PluginFailure> failures)
    {
        ITaskFactory? other = Array.Find(all, pair => pair.Task is not ITaskFactory<T> && Recognises(pair.Lease, pair.Task, checkpoint)).Task;
        if (other is not null)
        {
            return new ApertureException(
                $"'{path}' is of the architecture '{other.Name}', which is {Kind(other)}, not {Kind()}; load it as {other.Contract.Name}.");
        }

        string[] names = [.. all.Where(pair => pair.Task is ITaskFactory<T>).Select(pair => pair.Task.Name)];
        string what = _anything ? "architecture" : $"{PluginTask.KindOf(typeof(T))}'s architecture";
        return new ApertureException(string.Join(" ", (string[])
        [
            $"No {what} recognises '{path}'; there {(names.Length == 0 ? "are none" : $"are {string.Join(", ", names)}")}.",
            .. checkpoint.Trouble is { } trouble ? [trouble] : Array.Empty<string>(),
            .. failures.Select(failure => failure.Message),
        ]));
    }

    // A plugin's exception leaves as text, so that it does not keep the plugin.
    private static bool Recognises(PluginLease lease, ITaskFactory task, TaskCheckpoint checkpoint)
    {
        try
        {
            return task.Recognises(checkpoint);
        }
        catch (Exception error)
        {
            string message = $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}";
            throw new ApertureException(
                $"The architecture '{task.Name}' of plugin '{lease.Entry.Id}' failed to look at '{checkpoint.Path}' ({message}); "
                + "name another with architecture.");
        }
    }

    private static string Kind() => WithArticle(PluginTask.KindOf(typeof(T)));

    private static string Kind(ITaskFactory task) => WithArticle(PluginTask.KindOf(task.Contract));

    private static string WithArticle(string kind) => $"{("aeio".Contains(kind[0]) ? "an" : "a")} {kind}";
}
