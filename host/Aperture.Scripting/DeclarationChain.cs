using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Aperture.Scripting;

/// <summary>
/// What the compiler knows of the submissions that stay, in order. A session of a thousand submissions must not remember a thousand: one that declares
/// nothing is not
/// added, the others are remembered by their skeletons, and one whose variables are all hidden by later ones is taken out.
/// </summary>
internal sealed class DeclarationChain(SubmissionCompiler compiler)
{
    private readonly List<Entry> _entries = [];
    private CSharpCompilation? _last;

    /// <summary>The last submission that stays, which leads to all others; null before the first. Any thread may read it.</summary>
    public CSharpCompilation? Last => Volatile.Read(ref _last);

    /// <summary>Adds a submission that has run, unless it declares nothing. Returns whether later ones may use its object.</summary>
    public bool Add(CSharpCompilation compilation)
    {
        if (!SubmissionSkeleton.Declares(compilation))
        {
            return false;
        }

        string[] names = [.. SubmissionSkeleton.Variables(compilation).Select(v => v.Name)];
        bool forgettable = SubmissionSkeleton.DeclaresVariablesOnly(compilation);
        CSharpCompilation kept = compilation;
        SyntaxTree? skeleton = SubmissionSkeleton.Create(compilation);
        if (skeleton is not null)
        {
            CSharpCompilation linked = compiler.Link(skeleton, compilation.AssemblyName!, Last);
            (kept, skeleton) = Binds(linked) && SubmissionSkeleton.Agree(compilation, linked) ? (linked, skeleton) : (compilation, null);
        }

        bool hasSlot = kept.SyntaxTrees.Any(tree => ((CompilationUnitSyntax)tree.GetRoot()).Members.Count > 0);
        _entries.Add(new Entry(kept, skeleton, names, forgettable, hasSlot));
        Volatile.Write(ref _last, kept);
        return hasSlot;
    }

    /// <summary>
    /// Takes out what later submissions hide, and returns the slots that became free, highest first. Where the rest would not bind without it, it stays.
    /// </summary>
    public IReadOnlyList<int> RemoveHidden()
    {
        HashSet<string> hidden = new(StringComparer.Ordinal);
        List<Entry> left = [.. _entries];
        List<int> slots = [];
        int first = left.Count;
        for (int i = left.Count - 1; i >= 0; i--)
        {
            Entry entry = left[i];
            if (entry.IsForgettable && entry.Names.All(hidden.Contains))
            {
                slots.Add(SlotOf(i));
                left.RemoveAt(i);
                first = i;
                continue;
            }

            if (entry.Skeleton is null)
            {
                break; // It cannot be bound anew, so what stands before it stays as well.
            }

            hidden.UnionWith(entry.Names);
        }

        if (slots.Count == 0 || !Relink(left, first))
        {
            return [];
        }

        _entries.Clear();
        _entries.AddRange(left);
        Volatile.Write(ref _last, left.Count == 0 ? null : left[^1].Compilation);
        return slots;
    }

    public void Clear()
    {
        _entries.Clear();
        Volatile.Write(ref _last, null);
    }

    // Slot 0 is the globals object; submissions without code have none. The compiler counts the same way.
    private int SlotOf(int index) => _entries.Take(index + 1).Count(e => e.HasSlot);

    // Binds the entries from one on anew, each behind the one before it; false if one of them does not bind.
    private bool Relink(List<Entry> entries, int first)
    {
        for (int i = first; i < entries.Count; i++)
        {
            CSharpCompilation? previous = i == 0 ? null : entries[i - 1].Compilation;
            CSharpCompilation linked = compiler.Link(entries[i].Skeleton!, entries[i].Compilation.AssemblyName!, previous);
            if (!Binds(linked))
            {
                return false;
            }

            entries[i] = entries[i] with { Compilation = linked };
        }

        return true;
    }

    // The compiler refuses to put anything behind a submission with errors.
    private static bool Binds(CSharpCompilation compilation) =>
        !compilation.GetDiagnostics().Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);

    private sealed record Entry(CSharpCompilation Compilation, SyntaxTree? Skeleton, IReadOnlyList<string> Names, bool IsForgettable, bool HasSlot);
}
