using System.CommandLine;
using Aperture.Images;

namespace Aperture.Host.Commands;

/// <summary>The options about what becomes of pictures before a model's own processor gets them, shared by the verbs that show pictures.</summary>
internal sealed class PictureOptions
{
    private readonly Option<bool> _upright = new("--upright")
    {
        Description = "Turn pictures as their files' EXIF orientation asks; by default they are shown as stored.",
    };
    private readonly Option<string?> _background = new("--background")
    {
        Description = "Lay transparent pictures on a colour (white, black, grey or #rrggbb); by default their alpha is dropped.",
        HelpName = "color",
    };

    /// <summary>Adds the options to a verb.</summary>
    public void AddOptions(Command command)
    {
        command.Options.Add(_upright);
        command.Options.Add(_background);
    }

    /// <summary>What was asked for.</summary>
    /// <exception cref="ApertureException">The background is no colour.</exception>
    public ImagePreparation Preparation(ParseResult parsed) => new()
    {
        Upright = parsed.GetValue(_upright),
        Background = parsed.GetValue(_background) is { } colour ? ImagePreparation.ParseColour(colour) : null,
    };

    /// <summary>Opens pictures and says in one notice what their files say that is not honoured.</summary>
    public Image[] Load(ParseResult parsed, IEnumerable<string> files, Terminal terminal)
    {
        ImagePreparation preparation = Preparation(parsed);
        (string Name, Image Image)[] stored = [.. files.Select(file => (file, Image.Load(file)))];
        if (preparation.Notice(stored) is { } notice)
        {
            terminal.Note($"note: {notice}");
        }

        return [.. stored.Select(picture => preparation.Apply(picture.Image))];
    }
}
