using System.Collections;
using System.Reflection;
using Aperture.Measuring;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Aperture.Scripting;

/// <summary>
/// Finds variables whose objects come from a plugin that has been unloaded, and refuses submissions that use them: the old code would still run, beside the
/// new one and
/// without its services, and the mix-up would show much later. Giving such a variable a new value is no use of it.
/// </summary>
internal static class RetiredObject
{
    private const int MostElements = 100;

    /// <summary>The id of the unloaded plugin that a variable's object comes from; null for every other variable.</summary>
    public static string? PluginOf(ScriptVariable variable, Func<Assembly, string?> retired)
    {
        string? plugin = PluginOf(variable.Type, retired) ?? (variable.Value is { } value ? PluginOf(value, retired) : null);
        return plugin
            ?? (variable.Value as ICollection)?.Cast<object?>().Take(MostElements)
                .Select(e => e is null ? null : PluginOf(e, retired)).FirstOrDefault(p => p is not null);
    }

    /// <summary>The error of the first use; null if the submission uses none.</summary>
    public static ScriptResult.RuntimeError? FindUse(CSharpCompilation submission, IReadOnlyList<ScriptVariable> variables, Func<Assembly, string?> retired)
    {
        if (variables.Count == 0)
        {
            return null;
        }

        foreach (SyntaxTree tree in submission.SyntaxTrees)
        {
            SemanticModel model = submission.GetSemanticModel(tree);
            foreach (IdentifierNameSyntax name in tree.GetRoot().DescendantNodes().OfType<IdentifierNameSyntax>())
            {
                if (variables.FirstOrDefault(v => v.Name == name.Identifier.ValueText) is { } variable
                    && model.GetSymbolInfo(name).Symbol is IFieldSymbol { ContainingType.IsScriptClass: true } field
                    && !SymbolEqualityComparer.Default.Equals(field.ContainingAssembly, submission.Assembly)
                    && !(IsAssigned(name) && PluginOf(variable.Type, retired) is null))
                {
                    return Error(variable, PluginOf(variable, retired)!, tree.GetLineSpan(name.Span));
                }
            }
        }

        return null;
    }

    private static ScriptResult.RuntimeError Error(ScriptVariable variable, string plugin, FileLinePositionSpan place)
    {
        string held = TypeName.Of(variable.Value?.GetType() ?? variable.Type);
        return new ScriptResult.RuntimeError(
            new ApertureException(
                $"The variable '{variable.Name}' holds a {held} of plugin '{plugin}' as it was before it was unloaded; "
                + $"declare it anew, 'var {variable.Name} = …'."),
            place.Path,
            place.StartLinePosition.Line + 1);
    }

    private static bool IsAssigned(IdentifierNameSyntax name) =>
        name.Parent is AssignmentExpressionSyntax { RawKind: (int)SyntaxKind.SimpleAssignmentExpression } assignment && assignment.Left == name;

    private static string? PluginOf(object value, Func<Assembly, string?> retired) =>
        PluginOf(value.GetType(), retired)
        ?? (value is Delegate { Method: var method, Target: var target }
            ? (method.DeclaringType is { } type ? PluginOf(type, retired) : null) ?? (target is null or Delegate ? null : PluginOf(target.GetType(), retired))
            : null);

    private static string? PluginOf(Type type, Func<Assembly, string?> retired)
    {
        if (type.HasElementType)
        {
            return PluginOf(type.GetElementType()!, retired);
        }

        for (Type? own = type; own is not null; own = own.BaseType)
        {
            if ((retired(own.Assembly) ?? own.GetGenericArguments().Select(a => PluginOf(a, retired)).FirstOrDefault(p => p is not null)) is { } plugin)
            {
                return plugin;
            }
        }

        return null;
    }
}
