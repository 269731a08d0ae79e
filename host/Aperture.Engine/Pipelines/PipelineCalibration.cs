using Aperture.Decoding;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Plugins;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine;

/// <summary>A model and a question file as what methods are fitted on. Pictures are encoded once and kept as projected tokens.</summary>
public sealed class PipelineCalibration : ICalibrationModel, IDisposable
{
    private readonly VisionLanguageModel _model;
    private readonly IReadOnlyList<QuestionItem> _items;
    private readonly Dictionary<string, VisualTokens> _tokens = new(StringComparer.Ordinal);

    /// <summary>Samples for a model.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="items">The questions; each needs a picture.</param>
    /// <param name="outputFolder">Where fitted files go; null for the model's folder.</param>
    /// <exception cref="ApertureException">There are no questions, or one has no picture.</exception>
    public PipelineCalibration(VisionLanguageModel model, IReadOnlyList<QuestionItem> items, string? outputFolder)
    {
        if (items.Count == 0)
        {
            throw new ApertureException("There are no samples to fit on; give a question file with at least one line.");
        }

        if (items.FirstOrDefault(i => i.Image is null) is { } without)
        {
            throw new ApertureException($"Question '{without.Id}' has no picture; fitting visual-token methods needs one in every line.");
        }

        if (model.OwnMethod is { } own)
        {
            throw new ApertureException($"{model.Name} is not whole without its own method {own.Name}; methods are fitted on models that are, such as a LLaVA.");
        }

        _model = model;
        _items = items;
        OutputFolder = outputFolder ?? model.Folder;
    }

    /// <inheritdoc />
    public DecoderInfo Decoder => _model.Decoder.Info;

    /// <inheritdoc />
    public int Samples => _items.Count;

    /// <inheritdoc />
    public string OutputFolder { get; }

    /// <inheritdoc />
    public string SampleId(int sample) => _items[sample].Id;

    /// <inheritdoc />
    public void RunPrefill(int sample, ITokenReducer reducer, CancellationToken cancellationToken)
        => _model.Use(
            token =>
            {
                using IDisposable mode = inference_mode();
                HookTable table = HookTableBuilder.Build(Decoder, [reducer]);
                GenerationInput input = _model.BuildInput(_model.Prompt(_items[sample].Question, 1), [Tokens(sample, token)]);
                using RequestContext request = new(Decoder, input.Layouts, table, null, new KvCache(Decoder.Layers, 1, 0));
                using ForwardState state = _model.Decoder.Begin(request, DecoderPhase.Prefill, input.Layouts);
                _model.Decoder.Run(state, input.Rows, token).Dispose();
                return true;
            },
            cancellationToken);

    /// <summary>Disposes the projected tokens.</summary>
    public void Dispose()
    {
        foreach (VisualTokens tokens in _tokens.Values)
        {
            tokens.Dispose();
        }

        _tokens.Clear();
    }

    private VisualTokens Tokens(int sample, CancellationToken cancellationToken)
    {
        string path = _items[sample].Image!;
        if (!_tokens.TryGetValue(path, out VisualTokens? tokens))
        {
            using VisionFeatures features = _model.Encode([Image.Load(path)], cancellationToken)[0];
            tokens = _model.Project(features);
            tokens.Rows.DetachFromDisposeScope();
            _tokens[path] = tokens;
        }

        return tokens;
    }
}
