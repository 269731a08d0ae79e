using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Aperture.Scripting;

/// <summary>What the next submission will be compiled with. Immutable, so that any thread can read it while the session runs.</summary>
/// <param name="Compiler">The session's compiler.</param>
/// <param name="Previous">The last submission that stays; null before the first.</param>
/// <param name="Added">References to assemblies that were made visible while the session lived.</param>
internal sealed record SessionView(SubmissionCompiler Compiler, CSharpCompilation? Previous, ImmutableArray<MetadataReference> Added);
