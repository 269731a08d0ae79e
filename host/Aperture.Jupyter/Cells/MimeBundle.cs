using System.Text.Json.Nodes;
using Aperture.Measuring;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>A value in every form that a front end may choose from: MIME types and their content, binary ones in base64. Plain text is always there.</summary>
internal sealed class MimeBundle
{
    /// <summary>MIME type of plain text.</summary>
    public const string PlainText = "text/plain";

    private readonly SortedDictionary<string, string> _forms = new(StringComparer.Ordinal);

    /// <summary>Makes a bundle with plain text.</summary>
    public MimeBundle(string text) => _forms[PlainText] = text;

    /// <summary>The plain text.</summary>
    public string Text => _forms[PlainText];

    /// <summary>The forms by MIME type.</summary>
    public IReadOnlyDictionary<string, string> Forms => _forms;

    /// <summary>The forms of a value.</summary>
    public static MimeBundle Of(DisplayForm form)
    {
        MimeBundle bundle = new(form.Text);
        if (form.Html is { } html)
        {
            bundle._forms["text/html"] = html;
        }

        if (form.Png is { } png)
        {
            bundle._forms["image/png"] = Convert.ToBase64String(png);
        }

        return bundle;
    }

    /// <summary>The forms as a JSON object, as messages carry them.</summary>
    public JsonObject ToJson() => new(_forms.Select(form => KeyValuePair.Create<string, JsonNode?>(form.Key, form.Value)));
}
