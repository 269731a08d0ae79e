using System.Diagnostics;

namespace Aperture.Scripting;

/// <summary>The packages of a session: what its submissions have asked for, together, so that there is one version of each.</summary>
/// <param name="restore">Finds them.</param>
/// <param name="libraries">Loads them.</param>
/// <param name="display">Where the waiting is shown; null for nowhere.</param>
internal sealed class ScriptPackages(PackageRestore restore, ScriptLibraries libraries, IScriptDisplay? display)
{
    private const string Mend = "ask for them together in a new session (#reset)";
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);

    private readonly PackageCheck _check = new(libraries);
    private IReadOnlyList<PackageRequest> _requests = [];
    private IReadOnlyList<PackageLibrary> _found = [];

    /// <summary>The packages with all they depend on. Any thread may read it.</summary>
    public IReadOnlyList<PackageLibrary> Found => Volatile.Read(ref _found);

    /// <summary>What was asked for, as a cached script keeps it.</summary>
    public IReadOnlyList<PackageRequest> Requests => Volatile.Read(ref _requests);

    /// <summary>The package of a <c>#r</c>, or null if the session does not have it.</summary>
    public PackageLibrary? Find(string reference) =>
        Requests.FirstOrDefault(request => request.IsNamedBy(reference)) is { } request ? Found.FirstOrDefault(library => Same(library.Id, request.Id)) : null;

    /// <summary>Makes packages usable, beside those that are.</summary>
    /// <returns>Why they cannot be had, or not beside those that are; nothing has happened then. Null if they are there.</returns>
    public ScriptDiagnostic? Require(IEnumerable<PackageDirective> directives, CancellationToken cancellationToken)
    {
        PackageDirective? place = null;
        try
        {
            List<PackageRequest> all = [.. _requests];
            foreach (PackageDirective directive in directives)
            {
                place = directive;
                Add(all, PackageRequest.Parse(directive.Reference));
            }

            Require(all, cancellationToken);
            return null;
        }
        catch (PackageException e)
        {
            return new ScriptDiagnostic(place?.File ?? "", place?.Line ?? 0, place?.Column ?? 0, e.Code, e.Message);
        }
    }

    private static void Add(List<PackageRequest> all, PackageRequest request)
    {
        if (all.Contains(request))
        {
            return;
        }

        PackageCheck.Refuse(request);
        if (all.FirstOrDefault(r => Same(r.Id, request.Id)) is { } other)
        {
            throw new PackageException("NUGET", $"{other} was asked for before, and {request} cannot be used beside it; {Mend}.");
        }

        all.Add(request);
    }

    private void Require(List<PackageRequest> all, CancellationToken cancellationToken)
    {
        if (all.Count == _requests.Count)
        {
            return;
        }

        IReadOnlyList<PackageLibrary> found = restore.TryRead(all) ?? Restore(all, cancellationToken);
        _check.Refuse(found, all);
        foreach (PackageLibrary before in Found)
        {
            if (found.FirstOrDefault(library => library.Id == before.Id) is { } now && now.Version != before.Version)
            {
                throw new PackageException(
                    "NUGET", $"{string.Join(", ", all.Skip(_requests.Count))}: {now} is needed, and {before} is in use already; {Mend}.");
            }
        }

        foreach (PackageLibrary library in found)
        {
            libraries.Add(library);
        }

        Volatile.Write(ref _found, found);
        Volatile.Write(ref _requests, all);
    }

    private IReadOnlyList<PackageLibrary> Restore(IReadOnlyList<PackageRequest> requests, CancellationToken cancellationToken)
    {
        string what = $"restoring {string.Join(", ", requests.Skip(_requests.Count))}";
        Stopwatch watch = Stopwatch.StartNew();
        using ILiveDisplay? live = display?.ShowLive(new WorkProgress(what, 0, 1, TimeSpan.Zero));
        using Timer ticks = new(_ => live?.Update(new WorkProgress(what, 0, 1, watch.Elapsed)), null, _second, _second);
        IReadOnlyList<PackageLibrary> found = restore.Run(requests, cancellationToken);
        ticks.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        live?.Update(new WorkProgress(what, 1, 1, watch.Elapsed));
        return found;
    }

    private static bool Same(string id, string other) => string.Equals(id, other, StringComparison.OrdinalIgnoreCase);
}
