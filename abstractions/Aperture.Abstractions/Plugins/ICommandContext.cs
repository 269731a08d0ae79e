using System.Globalization;
using TorchSharp;

namespace Aperture.Plugins;

/// <summary>What a command of a plugin was given, and what it may use. For one thread at a time.</summary>
public interface ICommandContext
{
    /// <summary>The values of an argument or option as they were written, the default where none was; empty where there is none.</summary>
    /// <param name="name">Its name, without dashes.</param>
    /// <exception cref="ArgumentException">The command describes no such argument or option.</exception>
    IReadOnlyList<string> Values(string name);

    /// <summary>The value of an argument or option; null where there is none.</summary>
    /// <inheritdoc cref="Values"/>
    string? Text(string name) => Values(name) is [.., string last] ? last : null;

    /// <summary>The value of one that is a <see cref="CommandValue.Integer"/>; null where there is none.</summary>
    /// <inheritdoc cref="Values"/>
    int? Integer(string name) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>The value of one that is a <see cref="CommandValue.Number"/>; null where there is none.</summary>
    /// <inheritdoc cref="Values"/>
    double? Number(string name) => Text(name) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>Whether a <see cref="CommandValue.Flag"/> was given.</summary>
    /// <inheritdoc cref="Values"/>
    bool Flag(string name) => Values(name).Count > 0;

    /// <summary>
    /// Where the user wants it computed (<c>--device</c>), for a command that opens models by itself; asking for it loads libtorch and sets the number of
    /// threads (<c>--threads</c>), so it comes before the first tensor.
    /// </summary>
    /// <exception cref="ApertureException">There is no such device here.</exception>
    torch.Device Device { get; }

    /// <summary>Writes a line, or several, to standard output: results.</summary>
    /// <param name="text">The line.</param>
    void WriteLine(string text);

    /// <summary>Writes a warning to standard error.</summary>
    /// <param name="text">One line.</param>
    void Warn(string text);

    /// <summary>Writes a table to standard output.</summary>
    /// <param name="table">The table.</param>
    void Show(CommandTable table);

    /// <summary>Draws a chart into a PNG file, which is replaced in one step.</summary>
    /// <param name="path">The file; its folder is created if absent.</param>
    /// <param name="chart">The chart.</param>
    /// <returns>The full path.</returns>
    string SaveChart(string path, Chart chart);

    /// <summary>Tells how far the work is. A terminal shows it as a bar until something is written; a file or pipe shows nothing.</summary>
    /// <param name="stage">What is being done or counted, in a few words.</param>
    /// <param name="done">How much of it is done.</param>
    /// <param name="total">How much there is.</param>
    void Progress(string stage, int done, int total);

    /// <summary>
    /// Opens the user's model with the questions of a JSON-lines file (<c>image</c>, <c>question</c>, optionally <c>answer</c> and <c>type</c>) and builds
    /// the pipelines of
    /// <c>--with</c>.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="most">Questions to use, the file's first; 0 for all.</param>
    /// <returns>The model with its questions; the host disposes it when the command ends.</returns>
    /// <exception cref="ApertureException">
    /// The file cannot be read, a question has no picture, the model cannot be opened, or a method of <c>--with</c> does not fit it.
    /// </exception>
    /// <exception cref="InvalidOperationException">The command does not declare <see cref="IPluginCommand.NeedsModel"/>.</exception>
    ISampledModel OpenQuestions(string path, int most = 0);
}

/// <summary>A table that a command shows.</summary>
/// <param name="Heads">The columns' heads.</param>
/// <param name="Rows">The rows, a cell for each head.</param>
public sealed record CommandTable(IReadOnlyList<string> Heads, IReadOnlyList<IReadOnlyList<string>> Rows);
