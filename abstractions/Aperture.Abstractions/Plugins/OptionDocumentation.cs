using System.Reflection;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Aperture.Plugins;

/// <summary>What the XML documentation file beside an assembly says of the properties of one of its types.</summary>
internal sealed class OptionDocumentation
{
    private readonly Dictionary<string, string> _summaries = [];

    private OptionDocumentation()
    {
    }

    /// <summary>Reads the file; where there is none, or it is no XML, nothing is known.</summary>
    /// <param name="type">The type.</param>
    public static OptionDocumentation Of(Type type)
    {
        OptionDocumentation documentation = new();
        string file = Path.ChangeExtension(type.Assembly.Location, ".xml");
        if (type.Assembly.Location.Length == 0 || !File.Exists(file))
        {
            return documentation;
        }

        string prefix = $"P:{type.FullName!.Replace('+', '.')}.";
        try
        {
            using XmlReader reader = XmlReader.Create(file, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            foreach (XElement member in XElement.Load(reader).Descendants("member"))
            {
                string name = member.Attribute("name")?.Value ?? "";
                if (name.StartsWith(prefix, StringComparison.Ordinal) && member.Element("summary") is { } summary)
                {
                    documentation._summaries[name[prefix.Length..]] = OneLine(Text(summary));
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or XmlException)
        {
            documentation._summaries.Clear(); // Help without words; the method works all the same.
        }

        return documentation;
    }

    /// <summary>What a property means, on one line.</summary>
    public string Of(PropertyInfo? property)
        => property is null ? "" : _summaries.GetValueOrDefault(property.Name) is { Length: > 0 } known ? known : InWords(property.Name);

    private static string Text(XNode node) => node switch
    {
        XText text => text.Value,
        XElement element when element.Attribute("cref") is { } reference && element.IsEmpty => LastName(reference.Value),
        XElement element when element.Attribute("langword") is { } word => word.Value,
        XElement element when element.Attribute("name") is { } name && element.IsEmpty => name.Value,
        XElement element => string.Concat(element.Nodes().Select(Text)),
        _ => "",
    };

    private static string LastName(string reference) => reference.Split('(')[0].Split('.', ':')[^1];

    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    // ScaleToTokens: Scale to tokens.
    private static string InWords(string name)
    {
        StringBuilder words = new();
        for (int i = 0; i < name.Length; i++)
        {
            bool begins = i > 0 && char.IsUpper(name[i]) && !char.IsUpper(name[i - 1]);
            words.Append(begins ? " " : "").Append(i > 0 && begins ? char.ToLowerInvariant(name[i]) : name[i]);
        }

        return words.Append('.').ToString();
    }
}
