using Aperture.Images;

namespace Aperture.Scripting;

/// <summary>
/// A value in every form that a place may show: text always, a table or a picture where it is one. A terminal and a notebook pick the richest they have.
/// </summary>
/// <param name="text">Plain text, perhaps of several lines.</param>
public sealed class DisplayForm(string text)
{
    /// <summary>Plain text, perhaps of several lines.</summary>
    public string Text { get; } = text;

    /// <summary>The value as a table; null if it is none.</summary>
    public DisplayTable? Table { get; init; }

    /// <summary>The value as a picture; null if it is none.</summary>
    public Image? Picture
    {
        get => field ??= Draw?.Invoke();
        init;
    }

    /// <summary>The value as HTML (<c>text/html</c>); null if text says as much.</summary>
    public string? Html
    {
        get => field ?? Table?.ToHtml();
        init;
    }

    /// <summary>The picture as a PNG file (<c>image/png</c>); null without a picture.</summary>
    public byte[]? Png => Picture?.EncodePng();

    // Pictures that have to be drawn are drawn only where they are shown.
    internal Func<Image>? Draw { get; init; }
}
