namespace Aperture.Plugins;

/// <summary>An argument or option of a command of a plugin.</summary>
/// <param name="Name">Its name, small letters, digits and dashes; an option <c>exit</c> is given as <c>--exit</c>.</param>
/// <param name="Summary">One line for help: meaning and allowed values.</param>
public sealed record CommandParameter(string Name, string Summary)
{
    /// <summary>What its value is; the host refuses any other.</summary>
    public CommandValue Type { get; init; } = CommandValue.Text;

    /// <summary>The value where none is given, as one would write it; null for none.</summary>
    public string? Default { get; init; }

    /// <summary>Whether it must be given.</summary>
    public bool Required { get; init; }

    /// <summary>Whether it may be given several times.</summary>
    public bool Repeatable { get; init; }

    /// <summary>What help writes in the place of an option's value, such as <c>folder</c>; null for its type.</summary>
    public string? ValueName { get; init; }
}

/// <summary>What the value of a <see cref="CommandParameter"/> is.</summary>
public enum CommandValue
{
    /// <summary>Any text.</summary>
    Text,

    /// <summary>A whole number that fits an <see cref="int"/>.</summary>
    Integer,

    /// <summary>A finite number.</summary>
    Number,

    /// <summary>An option that stands alone: it is given or not.</summary>
    Flag,
}
