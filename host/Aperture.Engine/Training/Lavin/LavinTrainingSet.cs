using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Images;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>A LaVIN with labelled questions. Beside a method's own adapters its projection and modality embeddings can be trained; LLaMA and CLIP stay frozen. Borrows the model.</summary>
public sealed class LavinTrainingSet : TrainingSet
{
    /// <summary>The file that training writes, to be opened as the model's adapters.</summary>
    public const string AdapterFile = "adapters.safetensors";

    private const int OfficialRows = 512;
    private readonly LavinModel _model;
    private readonly IReadOnlyList<TrainingExample> _examples;
    private readonly LabelledPrompt[] _prompts;
    private readonly Decoder _decoder;
    private readonly int _rows;
    private readonly Dictionary<string, Tensor> _leaves = new(StringComparer.Ordinal);

    /// <summary>Prepares training data for a LaVIN.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="examples">Questions with one answer each.</param>
    /// <param name="outputFolder">Where the trained adapters go; created if absent.</param>
    /// <param name="rows">Rows of each sequence; shorter ones are padded and longer ones cut. The official 512 by default; routers and pools read the padding too.</param>
    /// <exception cref="ApertureException">There are no samples, or one cannot be labelled.</exception>
    public LavinTrainingSet(LavinModel model, IReadOnlyList<TrainingExample> examples, string outputFolder, int rows = OfficialRows)
    {
        if (examples.Count == 0)
        {
            throw new ApertureException("There are no samples to train on; give a file with at least one question and answer.");
        }

        _model = model;
        _examples = examples;
        _rows = rows;
        _prompts = [.. examples.Select(example => LavinPrompt.Create(model, example))];
        OutputFolder = Path.GetFullPath(outputFolder);
        Files = new MethodFiles(model);
        _decoder = model.Decoder.ForTraining();
    }

    /// <inheritdoc />
    public override DecoderInfo Decoder => _model.Decoder.Info;

    /// <inheritdoc />
    public override IMethodFiles Files { get; }

    /// <inheritdoc />
    public override string OutputFolder { get; }

    /// <inheritdoc />
    public override int Samples => _examples.Count;

    internal override VisionLanguageModel Base => _model;

    internal override IReadOnlyList<int> Lengths => [.. _prompts.Select(prompt => prompt.Ids.Length)];

    internal override string Fingerprint => FingerprintOf(_model.Name, _examples);

    /// <summary>Makes the projection (<c>adapter_proj.*</c>) or the modality embeddings (<c>adapter_modality_embedding.weight</c>) trainable; nothing else of the model has names here.</summary>
    /// <inheritdoc />
    public override IReadOnlyDictionary<string, Tensor> Unfreeze(Func<string, bool> wanted)
    {
        foreach ((string name, Tensor tensor) in _model.Projection.Named().Where(parameter => wanted(parameter.Name) && !_leaves.ContainsKey(parameter.Name)))
        {
            _leaves[name] = Leaf(tensor);
        }

        return _leaves.Where(leaf => wanted(leaf.Key)).ToDictionary(StringComparer.Ordinal);
    }

    /// <summary>Writes an adapter file as the official code saves one, without the frozen models: what the model was opened with, changed and added to.</summary>
    /// <inheritdoc />
    public override IReadOnlyList<string> SaveCheckpoint(IReadOnlyDictionary<string, Tensor> added, Func<string, bool>? left = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        Dictionary<string, Tensor> tensors = _model.Checkpoint.Names.Where(name => left?.Invoke(name) != true).ToDictionary(name => name, _model.Checkpoint.Load, StringComparer.Ordinal);
        foreach ((string name, Tensor tensor) in _leaves.Concat(added))
        {
            tensors[name] = tensor;
        }

        Directory.CreateDirectory(OutputFolder);
        string path = Path.Combine(OutputFolder, AdapterFile);
        SafetensorsWriter.Save(path, tensors);
        return [path];
    }

    internal override IOwnedBatch Batch(int[] samples, CancellationToken cancellationToken)
    {
        Tensor pixels = _model.Pixels([.. samples.Select(sample => _examples[sample].Image is { } path ? Image.Load(path) : null)]);
        return new LavinBatch(_model, _decoder, Projection(), [.. samples.Select(sample => _prompts[sample])], pixels, _rows);
    }

    private protected override void Release()
    {
        _decoder.Dispose();
        foreach (Tensor leaf in _leaves.Values)
        {
            leaf.Dispose();
        }

        _leaves.Clear();
    }

    // As it is now, with gradients to what was unfrozen.
    private LavinProjection Projection()
    {
        Dictionary<string, Tensor> all = _model.Projection.Named().ToDictionary(parameter => parameter.Name, parameter => _leaves.GetValueOrDefault(parameter.Name, parameter.Tensor), StringComparer.Ordinal);
        using ParameterSource source = new(all, _model.Ops.Type);
        return LavinProjection.Load(source, _model.Tower.Config.HiddenSize, Decoder.HiddenSize, new WeightPolicy(_model.Ops.Device, _model.Ops.Type, _model.Ops.Type));
    }
}
