using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>The samples of one step, and the decoder as it is in that step. Owns the weights that were cast for it.</summary>
internal sealed class TrainingBatch : IOwnedBatch
{
    private readonly Decoder _decoder;
    private readonly Projector _projector;
    private readonly bool _owns;
    private readonly SequenceLayout[] _layouts;
    private readonly Tensor _rows;
    private readonly Tensor _labels;

    /// <param name="config">The model's configuration.</param>
    /// <param name="samples">Prompts with their pictures' features; borrowed.</param>
    /// <param name="frozen">The decoder where nothing of the model is trained, borrowed; null to take the weights as they are now.</param>
    /// <param name="model">The model.</param>
    public TrainingBatch(LlavaConfig config, IReadOnlyList<(LabelledPrompt Prompt, VisionFeatures? Features)> samples, Decoder? frozen, TrainingModel model)
    {
        _owns = frozen is null;
        (_decoder, _projector) = frozen is null ? model.Thaw() : (frozen, model.Model.Projector);
        LlavaSequence[] sequences = [.. samples.Select(sample => Sequence(config, sample.Prompt, sample.Features))];
        _layouts = [.. sequences.Select(sequence => sequence.Layout)];
        _rows = cat([.. sequences.Select(sequence => sequence.Rows)], 0);
        if (sequences.Length > 1)
        {
            Array.ForEach(sequences, sequence => sequence.Dispose());
        }

        _labels = tensor([.. samples.Zip(_layouts).SelectMany(pair => Labels(config, pair.First.Prompt, pair.Second))], dtype: ScalarType.Int64, device: model.Model.Ops.Device);
    }

    /// <inheritdoc />
    public int Samples => _layouts.Length;

    /// <inheritdoc />
    public SequenceLayout Layout(int sample) => _layouts[sample];

    /// <inheritdoc />
    public IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods)
    {
        HookTable? table = methods.Count == 0 ? null : HookTableBuilder.Build(_decoder.Info, methods);
        return DecoderRun.Begin(_decoder, _rows.alias(), _layouts, _labels, table);
    }

    /// <summary>Disposes rows, labels and the cast weights.</summary>
    public void Dispose()
    {
        _rows.Dispose();
        _labels.Dispose();
        if (_owns)
        {
            _decoder.Dispose();
            _projector.Dispose();
        }
    }

    private LlavaSequence Sequence(LlavaConfig config, LabelledPrompt prompt, VisionFeatures? features)
    {
        if (features is null)
        {
            return LlavaSequence.Assemble(_decoder, prompt.Ids, config.ImageToken, 1, [], config.MaxPromptRows);
        }

        using VisualTokens tokens = new(_projector.Run(features.Tokens), features.Grid, features.Places ?? [.. Enumerable.Range(0, (int)features.Tokens.size(0))]);
        return LlavaSequence.Assemble(_decoder, prompt.Ids, config.ImageToken, 1, [tokens], config.MaxPromptRows);
    }

    // A picture's rows have no labels; a prompt that was cut lost its last ones.
    private static IEnumerable<long> Labels(LlavaConfig config, LabelledPrompt prompt, SequenceLayout layout)
    {
        int visual = layout.VisualRows().Length;
        return prompt.Ids.Zip(prompt.Labels)
            .SelectMany(pair => pair.First == config.ImageToken ? Enumerable.Repeat((long)TrainingLabels.Ignored, visual) : [pair.Second])
            .Take(layout.Count);
    }
}
