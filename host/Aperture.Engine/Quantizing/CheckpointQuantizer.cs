using Aperture.Data;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Weights;

namespace Aperture.Quantizing;

/// <summary>
/// Writes a model's checkpoint anew with the matrices of its linear layers in few bits, in a published layout, so that it opens without being converted. The
/// model itself is opened first: it tells which tensors these are, and with questions what they are multiplied with.
/// </summary>
public static class CheckpointQuantizer
{
    private const string Head = "lm_head.weight", Weight = ".weight";
    private const int AnswerTokens = 16; // of each question; the prompt has most of the rows

    /// <summary>Quantises a checkpoint.</summary>
    /// <param name="session">The session that opens the model.</param>
    /// <param name="model">A shipped model's name, a folder, or a hub id in the cache.</param>
    /// <param name="options">How the model is opened, on the CPU; <see cref="ModelOptions.Weights"/> is not taken from it.</param>
    /// <param name="output">The folder to write, which must not be there.</param>
    /// <param name="how">How it is quantised.</param>
    /// <param name="progress">Told often; null for nobody.</param>
    /// <param name="cancellationToken">Checked between tensors and questions; nothing is left then.</param>
    /// <exception cref="ApertureException">
    /// The folder is there, the model cannot be opened or is quantised already, options do not go together, or a weight is infinite or no number; nothing is
    /// written then.
    /// </exception>
    public static QuantizeResult Run(
        EngineSession session, string model, ModelOptions options, string output, QuantizeOptions how, IProgress<QuantizeProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        how.Validate();
        if (options.Device != "cpu")
        {
            throw new ApertureException($"Checkpoints are quantised on the CPU, but the device is {options.Device}; leave --device (Device) out.");
        }

        using QuantizedFolder folder = QuantizedFolder.Create(output);
        MatrixWatch watch = new(measuresInputs: how.Questions.Count > 0);
        Model opened = session.Load(model, options with { Weights = "stored", Watch = watch }, cancellationToken).Model;
        (string source, int threads) = (opened.Folder, opened.Ops.Threads);
        if (opened.IsRewritten)
        {
            throw new ApertureException($"{opened.Name} is quantised already or has an adapter merged in; give the checkpoint of plain weights.");
        }

        Ask(new Pipeline(opened, session, []), how.Questions, progress, cancellationToken);
        opened.UnloadAsync("load it again", cancellationToken).GetAwaiter().GetResult();

        WatchedWeight[] matrices = [.. watch.Weights.Where(weight => Path.GetFullPath(weight.Folder) == Path.GetFullPath(source))];
        Dictionary<string, WatchedWeight> chosen = matrices
            .Where(weight => !(how.KeepHead && weight.LoadedAs == Head) && CompressedTensors.Takes(how, weight.Name, weight.Inputs))
            .ToDictionary(weight => weight.Name, StringComparer.Ordinal);
        if (chosen.Count == 0)
        {
            throw new ApertureException(
                $"'{source}' holds no matrix that {how.Format.ToString().ToLowerInvariant()} takes in this layout; there is nothing to quantise.");
        }

        using IWeightSource stored = WeightFiles.Open(source);
        QuantizedCheckpoint checkpoint = new(stored, chosen, how, threads, progress);
        IReadOnlyList<QuantizedWeight> written = checkpoint.Write(folder.Path, cancellationToken);
        IEnumerable<string> others = stored.Names.Where(
            name => name.EndsWith(Weight, StringComparison.Ordinal) && !chosen.ContainsKey(name) && stored.Describe(name).Shape.Length == 2);
        folder.CopyBesideWeights(source, cancellationToken);
        folder.WriteConfig(source, CompressedTensors.Config(how, others.Select(name => name[..^Weight.Length]).Order(StringComparer.Ordinal)));
        folder.Finish();
        string[] kept = [.. matrices.Select(weight => weight.Name).Where(name => !chosen.ContainsKey(name))];
        return new QuantizeResult(Path.GetFullPath(output), written, kept, checkpoint.BytesBefore, checkpoint.BytesAfter);
    }

    // Runs the questions through the model, whose matrices note what they are multiplied with.
    private static void Ask(
        Pipeline pipeline, IReadOnlyList<QuestionItem> questions, IProgress<QuantizeProgress>? progress, CancellationToken cancellationToken)
    {
        GenerationOptions generation = pipeline.Model.Complete(null) with { MaxNewTokens = AnswerTokens, MinNewTokens = 0 };
        for (int i = 0; i < questions.Count; i++)
        {
            progress?.Report(new QuantizeProgress("questions", i, questions.Count));
            Image? picture = questions[i].Image is { } path ? Image.Load(path) : null;
            pipeline.AskNow(PromptRequest.Of(questions[i].Question, picture is null ? [] : [picture]), generation, null, cancellationToken);
        }
    }
}
