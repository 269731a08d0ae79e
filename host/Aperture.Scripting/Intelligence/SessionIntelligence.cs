using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.QuickInfo;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>
/// Completion, signatures, descriptions and colours for code that would be the session's next submission: it knows the variables, types, usings and
/// references of
/// those that ran. Thread-safe, and usable while a submission runs. The first call loads Roslyn's editor services (about a second): see
/// <see cref="WarmUpAsync"/>.
/// </summary>
public sealed class SessionIntelligence : IDisposable
{
    private readonly ScriptSession _session;
    private readonly Lazy<SessionWorkspace> _workspace;

    /// <summary>Creates the services for a session; cheap, everything is loaded at the first call.</summary>
    /// <param name="session">The session; not owned.</param>
    public SessionIntelligence(ScriptSession session)
    {
        _session = session;
        _workspace = new Lazy<SessionWorkspace>(() => new SessionWorkspace(session.GlobalsType));
    }

    /// <summary>Whether a text can be run, needs more, or cannot be mended.</summary>
    public static CodeState Examine(string code) => SubmissionCompiler.Examine(code);

    /// <summary>Loads the services ahead of the first call.</summary>
    public async Task WarmUpAsync(CancellationToken cancellationToken = default)
    {
        await CompleteAsync("Math.A", 6, cancellationToken).ConfigureAwait(false);
        await ClassifyAsync("var x = 1;", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What may be written at a place.</summary>
    /// <param name="code">The code as far as it is written.</param>
    /// <param name="position">The cursor, 0 to the length of <paramref name="code"/>.</param>
    /// <param name="cancellationToken">Stops looking.</param>
    public Task<CodeCompletions> CompleteAsync(string code, int position, CancellationToken cancellationToken = default) => Task.Run(
        async () =>
        {
            Document document = Open(code, position);
            SyntaxNode root = (await document.GetSyntaxRootAsync(cancellationToken).ConfigureAwait(false))!;
            return MethodCompleter.Complete(root, position, _session.Methods)
                ?? await CodeCompleter.CompleteAsync(document, position, cancellationToken).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>What the name at a place is; null if there is none.</summary>
    /// <inheritdoc cref="CompleteAsync"/>
    public Task<CodeDescription?> DescribeAsync(string code, int position, CancellationToken cancellationToken = default) => Task.Run(
        async () =>
        {
            Document document = Open(code, position);
            QuickInfoItem? found = await QuickInfoService.GetService(document)!.GetQuickInfoAsync(document, position, cancellationToken).ConfigureAwait(false);
            return found is null ? null : Describe(found);
        },
        cancellationToken);

    /// <summary>The overloads of the innermost call around a place; null outside calls.</summary>
    /// <inheritdoc cref="CompleteAsync"/>
    public Task<CodeSignatures?> SignaturesAsync(string code, int position, CancellationToken cancellationToken = default) => Task.Run(
        async () =>
        {
            Document document = Open(code, position);
            SyntaxNode root = (await document.GetSyntaxRootAsync(cancellationToken).ConfigureAwait(false))!;
            SemanticModel model = (await document.GetSemanticModelAsync(cancellationToken).ConfigureAwait(false))!;
            return SignatureFinder.Find(root, model, position, cancellationToken);
        },
        cancellationToken);

    /// <summary>The code's coloured pieces.</summary>
    /// <param name="code">The code, complete or not.</param>
    /// <param name="cancellationToken">Stops looking.</param>
    public Task<IReadOnlyList<CodeSpan>> ClassifyAsync(string code, CancellationToken cancellationToken = default) => Task.Run(
        () => CodeClassifier.ClassifyAsync(Open(code, 0), cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_workspace.IsValueCreated)
        {
            _workspace.Value.Dispose();
        }
    }

    private Document Open(string code, int position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, code.Length);
        return _workspace.Value.Open(_session.View, code);
    }

    private static CodeDescription Describe(QuickInfoItem item)
    {
        string Section(string kind) => string.Concat(item.Sections.Where(s => s.Kind == kind).Select(s => s.Text));
        string rest = string.Join('\n', item.Sections
            .Where(s => s.Kind is QuickInfoSectionKinds.DocumentationComments or QuickInfoSectionKinds.Exception or QuickInfoSectionKinds.TypeParameters)
            .Select(s => s.Text.ReplaceLineEndings("\n").Trim()));
        return new CodeDescription(item.Span.Start, item.Span.Length, Section(QuickInfoSectionKinds.Description).ReplaceLineEndings("\n"), rest);
    }
}
