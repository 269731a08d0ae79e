using System.Text;
using Aperture.Data;
using Aperture.Files;

namespace Aperture.Evaluation;

/// <summary>
/// The folder of an evaluation: <see cref="RunFile"/> says what it was made with, <see cref="SamplesFile"/> gets a line an answer as it comes, and
/// <see cref="SummaryFile"/> stands there when all are. A run may be stopped or killed at any time; the next one goes on.
/// </summary>
internal sealed class EvaluationOutput : IDisposable
{
    /// <summary>Name of the file that says what the run was made with.</summary>
    public const string RunFile = "run.json";

    /// <summary>Name of the file with the answers.</summary>
    public const string SamplesFile = "samples.jsonl";

    /// <summary>Name of the file with the figures.</summary>
    public const string SummaryFile = "summary.json";

    private const string LockFile = "run.lock"; // Gone when the run is; the samples may be read while they grow.
    private readonly string _folder;
    private readonly FileStream _lock, _samples;

    private EvaluationOutput(string folder, FileStream held, FileStream samples) => (_folder, _lock, _samples) = (folder, held, samples);

    /// <summary>Opens a folder for a run; begins it where there is none.</summary>
    /// <param name="folder">The folder; created if absent.</param>
    /// <param name="settings">What the run is made with.</param>
    /// <exception cref="ApertureException">The folder cannot be written, another process writes there, or it holds another run.</exception>
    public static EvaluationOutput Open(string folder, EvaluationSettings settings)
    {
        FileStream? held = null, samples = null;
        try
        {
            Directory.CreateDirectory(folder);
            held = new FileStream(
                Path.Combine(folder, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            samples = new FileStream(Path.Combine(folder, SamplesFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            Begin(folder, settings, isEmpty: samples.Length == 0);
            return new EvaluationOutput(folder, held, samples);
        }
        catch (Exception error)
        {
            samples?.Dispose();
            held?.Dispose();
            if (error is not (IOException or UnauthorizedAccessException))
            {
                throw;
            }

            throw new ApertureException($"The samples cannot be written into '{folder}': {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    /// <summary>The answers that are there. A last line that was not finished goes.</summary>
    /// <param name="rows">The run's pipelines.</param>
    /// <param name="items">Its questions.</param>
    /// <exception cref="ApertureException">A finished line is no answer of this run.</exception>
    public Dictionary<(string Label, string Id), QuestionResult> Read(IReadOnlyList<EvaluationRow> rows, IReadOnlyList<QuestionItem> items)
    {
        byte[] bytes = new byte[_samples.Length];
        _samples.ReadExactly(bytes);
        Dictionary<string, QuestionItem> byId = items.ToDictionary(item => item.Id, StringComparer.Ordinal);
        HashSet<string> labels = [.. rows.Select(row => row.Label)];
        Dictionary<(string Label, string Id), QuestionResult> known = [];
        int start = 0, number = 0;
        for (int end; (end = Array.IndexOf(bytes, (byte)'\n', start)) >= 0; start = end + 1)
        {
            number++;
            if (SampleLine.Read(bytes.AsMemory(start..end), byId) is not { } sample || !labels.Contains(sample.Label))
            {
                throw new ApertureException(
                    $"{Path.Combine(_folder, SamplesFile)}({number}): the line is no answer of this evaluation; take it out, or give another folder.");
            }

            known[(sample.Label, sample.Result.Item.Id)] = sample.Result;
        }

        _samples.SetLength(start);
        _samples.Position = start;
        return known;
    }

    /// <summary>Adds an answer; it is on its way to the disk when this returns.</summary>
    /// <param name="label">The pipeline.</param>
    /// <param name="result">The answer.</param>
    public void Add(string label, QuestionResult result)
    {
        _samples.Write(SampleLine.Write(label, result));
        _samples.Flush();
    }

    /// <summary>Writes the figures, whole or not at all.</summary>
    /// <param name="json">The figures.</param>
    public void WriteSummary(string json) => AtomicFile.Write(Path.Combine(_folder, SummaryFile), Encoding.UTF8.GetBytes(json + "\n"));

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        _samples.Dispose();
        _lock.Dispose();
    }

    private static void Begin(string folder, EvaluationSettings settings, bool isEmpty)
    {
        string file = Path.Combine(folder, RunFile);
        if (!isEmpty)
        {
            settings.RefuseOther(EvaluationSettings.Parse(File.Exists(file) ? InputFile.Bytes(file, JsonText.LargestConfiguration) : [], file), folder);
        }
        else
        {
            AtomicFile.Write(file, settings.ToJson());
        }
    }
}
