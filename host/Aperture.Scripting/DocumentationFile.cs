using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;

namespace Aperture.Scripting;

/// <summary>The documentation of an assembly: the XML file beside it, read when somebody first asks. Assemblies without one have no documentation.</summary>
internal sealed class DocumentationFile(string assemblyPath) : DocumentationProvider
{
    private readonly Lazy<Dictionary<string, string>> _members = new(() => Read(Path.ChangeExtension(assemblyPath, ".xml")));

    protected override string GetDocumentationForSymbol(
        string documentationMemberID, CultureInfo preferredCulture, CancellationToken cancellationToken = default) =>
        _members.Value.GetValueOrDefault(documentationMemberID, "");

    public override bool Equals(object? obj) => ReferenceEquals(this, obj);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    private static Dictionary<string, string> Read(string path)
    {
        Dictionary<string, string> members = [];
        try
        {
            foreach (XElement member in XElement.Load(path).Descendants("member"))
            {
                members[member.Attribute("name")?.Value ?? ""] = member.ToString();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException)
        {
            return []; // Help without words; the code runs all the same.
        }

        return members;
    }
}
