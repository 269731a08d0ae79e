using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Aperture.Scripting;

/// <summary>Turns the XML of a documentation comment into plain text.</summary>
internal static partial class DocumentationText
{
    public static string Summary(string? xml) => Read(xml)?.Element("summary") is { } summary ? Flatten(summary) : "";

    public static string Parameter(string? xml, string name) =>
        Read(xml)?.Elements("param").FirstOrDefault(p => p.Attribute("name")?.Value == name) is { } parameter ? Flatten(parameter) : "";

    private static XElement? Read(string? xml)
    {
        if (string.IsNullOrWhiteSpace(xml))
        {
            return null;
        }

        try
        {
            return XElement.Parse(xml.TrimStart().StartsWith("<member", StringComparison.Ordinal) ? xml : $"<member>{xml}</member>");
        }
        catch (XmlException)
        {
            return null; // Documentation that its author broke reads as none.
        }
    }

    private static string Flatten(XElement element)
    {
        StringBuilder text = new();
        Append(text, element);
        return Blank().Replace(text.ToString(), " ").Trim();
    }

    private static void Append(StringBuilder text, XElement element)
    {
        foreach (XNode node in element.Nodes())
        {
            switch (node)
            {
                case XText plain:
                    text.Append(plain.Value);
                    break;
                case XElement { IsEmpty: true } reference:
                    text.Append(Name(reference));
                    break;
                case XElement nested:
                    Append(text, nested);
                    text.Append(' ');
                    break;
            }
        }
    }

    // <see cref="M:System.Console.WriteLine(System.String)"/> reads as WriteLine.
    private static string Name(XElement reference)
    {
        string target = reference.Attribute("cref")?.Value ?? reference.Attribute("name")?.Value ?? reference.Attribute("langword")?.Value ?? "";
        string path = target.Split('(', 2)[0];
        return path[(path.LastIndexOfAny(['.', ':']) + 1)..];
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}
