using System.CommandLine;
using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Sampling;
using Aperture.Scripting;
using TorchSharp;

namespace Aperture.Host.Commands;

/// <summary>What a command of a plugin works with. Owns the models that it opens.</summary>
/// <param name="host">What every verb works with.</param>
/// <param name="line">The command's arguments and options.</param>
/// <param name="parsed">The command line.</param>
/// <param name="plugins">The plugin host; a session that is opened takes it over.</param>
/// <param name="cancellationToken">Ends the opening of a model.</param>
internal sealed class PluginCommandContext(
    CommandContext host, PluginCommandLine line, ParseResult parsed, PluginHost plugins, CancellationToken cancellationToken)
    : ICommandContext, IAsyncDisposable
{
    private readonly ProgressBar _progress = new(host.Terminal);
    private readonly List<SampledModel> _opened = [];
    private EngineSession? _session;

    public IReadOnlyList<string> Values(string name) => line.Values(parsed, name);

    public torch.Device Device => host.Compute.Open(parsed);

    public void WriteLine(string text)
    {
        EndProgress();
        host.Terminal.Output.WriteLine(text);
    }

    public void Warn(string text)
    {
        EndProgress();
        host.Terminal.Warn(text);
    }

    public void Show(CommandTable table)
    {
        EndProgress();
        host.Terminal.Show(new DisplayTable(table.Heads, table.Rows));
    }

    public string SaveChart(string path, Chart chart) => ChartDrawing.Save(path, chart);

    public void Progress(string stage, int done, int total) => _progress.Report(stage, done, total);

    public ISampledModel OpenQuestions(string path, int most)
    {
        ModelArguments model = line.Model
            ?? throw new InvalidOperationException($"The command '{line.Described.Name}' does not declare that it needs a model.");
        IReadOnlyList<QuestionItem> items = QuestionFile.Read(path, needAnswers: false);
        _session ??= SessionFactory.Open(host, parsed, model.Options(parsed), plugins);
        Pipeline plain = _session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: cancellationToken);
        IReadOnlyList<Pipeline> pipelines = [.. model.Pipelines(parsed, plain).Select(pipeline => pipeline.Build())];
        SampledModel opened = new(plain.Model, most > 0 ? [.. items.Take(most)] : items, outputFolder: null, pipelines);
        _opened.Add(opened);
        return opened;
    }

    /// <summary>Takes the bar away, if there is one.</summary>
    public void EndProgress() => _progress.End();

    public async ValueTask DisposeAsync()
    {
        _opened.ForEach(opened => opened.Dispose());
        if (_session is not null)
        {
            await _session.DisposeAsync().ConfigureAwait(false);
        }
    }
}
