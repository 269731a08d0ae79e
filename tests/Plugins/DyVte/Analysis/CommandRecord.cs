namespace Aperture.Plugins.DyVte.Tests.Analysis;

/// <summary>What a command is given by a test, and what it did: the context without a command line.</summary>
/// <param name="model">The model with its questions; borrowed.</param>
/// <param name="values">The values by name.</param>
internal sealed class CommandRecord(ISampledModel model, params (string Name, string Value)[] values) : ICommandContext
{
    public List<string> Lines { get; } = [];

    public List<CommandTable> Tables { get; } = [];

    public Dictionary<string, Chart> Charts { get; } = [];

    public List<(string Stage, int Done, int Total)> Reports { get; } = [];

    public TorchSharp.torch.Device Device => TorchSharp.torch.CPU;

    public IReadOnlyList<string> Values(string name) => [.. values.Where(value => value.Name == name).Select(value => value.Value)];

    public void WriteLine(string text) => Lines.Add(text);

    public void Warn(string text) => Assert.Fail(text);

    public void Show(CommandTable table) => Tables.Add(table);

    public string SaveChart(string path, Chart chart)
    {
        Charts.Add(Path.GetFileName(path), chart);
        return path;
    }

    public void Progress(string stage, int done, int total) => Reports.Add((stage, done, total));

    public ISampledModel OpenQuestions(string path, int most) => model;
}
