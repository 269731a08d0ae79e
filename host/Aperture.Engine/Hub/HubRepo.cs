using System.Text.RegularExpressions;
using Aperture.Models;

namespace Aperture.Hub;

/// <summary>A repository of the hub.</summary>
public sealed partial record HubRepo
{
    private HubRepo(HubRepoKind kind, string id)
    {
        Kind = kind;
        Id = id;
    }

    /// <summary>What it holds.</summary>
    public HubRepoKind Kind { get; }

    /// <summary><c>organisation/name</c>, or a bare name for the oldest models.</summary>
    public string Id { get; }

    /// <summary>Its folder in the cache, e.g. <c>models--org--name</c>.</summary>
    internal string FolderName => $"{ApiName}--{Id.Replace("/", "--", StringComparison.Ordinal)}";

    /// <summary>Its prefix in download addresses: empty for models.</summary>
    internal string UrlPrefix => Kind == HubRepoKind.Model ? "" : ApiName + "/";

    /// <summary>Its kind in API addresses.</summary>
    internal string ApiName => Kind switch
    {
        HubRepoKind.Model => "models",
        HubRepoKind.Dataset => "datasets",
        _ => "spaces",
    };

    /// <summary>Reads <c>org/name</c>, <c>datasets/org/name</c> or <c>spaces/org/name</c>.</summary>
    /// <exception cref="ApertureException">It is not an id.</exception>
    public static HubRepo Parse(string text)
    {
        (HubRepoKind kind, string id) = text switch
        {
            _ when text.StartsWith("datasets/", StringComparison.Ordinal) => (HubRepoKind.Dataset, text["datasets/".Length..]),
            _ when text.StartsWith("spaces/", StringComparison.Ordinal) => (HubRepoKind.Space, text["spaces/".Length..]),
            _ => (HubRepoKind.Model, text),
        };
        return IsId(id) ? new HubRepo(kind, id) : throw new ApertureException($"'{text}' is not a hub id; ids look like organisation/name.");
    }

    /// <summary>Whether a text has the form of a hub id.</summary>
    public static bool IsId(string text) =>
        text.Length <= 96 && IdShape().IsMatch(text) && !text.Contains("--", StringComparison.Ordinal) && !text.Contains("..", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => UrlPrefix + Id;

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?\z")]
    private static partial Regex IdShape();
}
