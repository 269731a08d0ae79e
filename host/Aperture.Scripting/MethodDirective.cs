using System.Text.RegularExpressions;

namespace Aperture.Scripting;

/// <summary>
/// The line <c>#method NAME</c> of an entry or a cell, which is no C#: it stands for <c>Methods.Show("NAME")</c> of the front end's globals. Without a name it
/// lists the methods.
/// </summary>
public static partial class MethodDirective
{
    /// <summary>What users type.</summary>
    public const string Name = "#method";

    /// <summary>The code with such lines written out; lines stay where they are.</summary>
    /// <param name="code">The entry or cell.</param>
    public static string Expand(string code) => code.Contains(Name, StringComparison.Ordinal)
        ? Line().Replace(code, line => $"Methods.Show({(line.Groups[1].Length == 0 ? "" : $"\"{line.Groups[1].Value}\"")});")
        : code;

    [GeneratedRegex("""^[ \t]*#method(?:[ \t]+"?([A-Za-z0-9._-]+)"?)?[ \t]*;?[ \t]*(?=\r?$)""", RegexOptions.Multiline)]
    private static partial Regex Line();
}
