using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Host.Mef;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>
/// The session as Roslyn's editor services see it: one project a submission that stays, each referring to the one before, and a last one with the code being
/// written.
/// References are the session's own objects, so that their metadata is in memory once.
/// </summary>
internal sealed class SessionWorkspace : IDisposable
{
    private readonly AdhocWorkspace _workspace = new(MefHostServices.DefaultHost);
    private readonly Type _globalsType;
    private readonly Lock _lock = new();
    private readonly List<(CSharpCompilation Compilation, ProjectId Project)> _chain = [];
    private Solution _solution;
    private SessionView? _view;
    private DocumentId? _input;

    public SessionWorkspace(Type globalsType)
    {
        _globalsType = globalsType;
        _solution = _workspace.CurrentSolution;
    }

    /// <summary>The code as a document that sees what the session has.</summary>
    public Document Open(SessionView view, string code)
    {
        lock (_lock)
        {
            if (_view != view || _input is null)
            {
                Follow(view);
            }

            _solution = _solution.WithDocumentText(_input!, SourceText.From(ScriptDialect.Understand(code).Text));
            return _solution.GetDocument(_input!)!;
        }
    }

    public void Dispose() => _workspace.Dispose();

    private void Follow(SessionView view)
    {
        if (_input is not null)
        {
            _solution = _solution.RemoveProject(_input.ProjectId);
        }

        List<CSharpCompilation> wanted = ChainOf(view.Previous ?? view.Compiler.Base);
        int same = 0;
        while (same < wanted.Count && same < _chain.Count && ReferenceEquals(wanted[same], _chain[same].Compilation))
        {
            same++;
        }

        foreach ((_, ProjectId stale) in _chain.Skip(same).Reverse())
        {
            _solution = _solution.RemoveProject(stale);
        }

        _chain.RemoveRange(same, _chain.Count - same);
        foreach (CSharpCompilation compilation in wanted.Skip(same))
        {
            SyntaxTree tree = compilation.SyntaxTrees[^1];
            DocumentId document = Add(tree.GetText(), tree.FilePath, compilation.Options, compilation.ExternalReferences);
            _chain.Add((compilation, document.ProjectId));
        }

        _input = Add(SourceText.From(""), "input", view.Compiler.Options(), view.Added);
        _view = view;
    }

    private static List<CSharpCompilation> ChainOf(CSharpCompilation last)
    {
        List<CSharpCompilation> chain = [];
        for (CSharpCompilation? compilation = last; compilation is not null; compilation = compilation.ScriptCompilationInfo?.PreviousScriptCompilation)
        {
            chain.Add(compilation);
        }

        chain.Reverse();
        return chain;
    }

    private DocumentId Add(SourceText text, string path, CSharpCompilationOptions options, IEnumerable<MetadataReference> references)
    {
        ProjectId project = ProjectId.CreateNewId();
        DocumentId document = DocumentId.CreateNewId(project);
        _solution = _solution.AddProject(ProjectInfo.Create(
            project,
            VersionStamp.Create(),
            "submission",
            "submission" + project.Id.ToString("N"),
            LanguageNames.CSharp,
            compilationOptions: options.WithMetadataReferenceResolver(((ScriptMetadataReferences)options.MetadataReferenceResolver!).WithoutRecord()),
            parseOptions: SubmissionCompiler.Parsing,
            documents:
            [
                DocumentInfo.Create(
                    document,
                    Path.GetFileName(path),
                    sourceCodeKind: SourceCodeKind.Script,
                    loader: TextLoader.From(TextAndVersion.Create(text, VersionStamp.Create())),
                    filePath: path),
            ],
            projectReferences: _chain.Count == 0 ? [] : [new ProjectReference(_chain[^1].Project)],
            metadataReferences: references,
            isSubmission: true,
            hostObjectType: _globalsType));
        return document;
    }
}
