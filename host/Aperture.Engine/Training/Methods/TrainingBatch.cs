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
    private readonly LlavaConfig _config;
    private readonly IReadOnlyList<(LabelledPrompt Prompt, VisionFeatures? Features)> _samples;
    private readonly Decoder _decoder;
    private readonly Projector _projector;
    private readonly bool _owns;
    private readonly SequenceLayout[] _layouts;
    private readonly Tensor _labels;

    /// <param name="config">The model's configuration.</param>
    /// <param name="samples">Prompts with their pictures' features; borrowed.</param>
    /// <param name="frozen">The decoder where nothing of the model is trained, borrowed; null to take the weights as they are now.</param>
    /// <param name="model">The model.</param>
    public TrainingBatch(LlavaConfig config, IReadOnlyList<(LabelledPrompt Prompt, VisionFeatures? Features)> samples, Decoder? frozen, TrainingModel model)
    {
        _config = config;
        _samples = samples;
        _owns = frozen is null;
        (_decoder, _projector) = frozen is null ? model.Thaw() : (frozen, model.Model.Projector);
        using (no_grad())
        {
            _layouts = [.. Sequences().Select(LayoutOnly)];
        }

        _labels = tensor([.. samples.Zip(_layouts).SelectMany(pair => Labels(pair.First.Prompt, pair.Second))], dtype: ScalarType.Int64, device: model.Model.Ops.Device);
    }

    /// <inheritdoc />
    public int Samples => _samples.Count;

    /// <inheritdoc />
    public SequenceLayout Layout(int sample) => _layouts[sample];

    /// <inheritdoc />
    public IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods)
    {
        HookTable? table = methods.Count == 0 ? null : HookTableBuilder.Build(_decoder.Info, methods);
        Tensor[] rows = [.. Sequences().Select(sequence => sequence.Rows)];
        Tensor packed = rows.Length == 1 ? rows[0] : cat(rows, 0);
        if (rows.Length > 1)
        {
            Array.ForEach(rows, part => part.Dispose());
        }

        return DecoderRun.Begin(_decoder, packed, _layouts, _labels, table);
    }

    /// <summary>Disposes the labels and the cast weights.</summary>
    public void Dispose()
    {
        _labels.Dispose();
        if (_owns)
        {
            _decoder.Dispose();
            _projector.Dispose();
        }
    }

    private static SequenceLayout LayoutOnly(LlavaSequence sequence)
    {
        using (sequence)
        {
            return sequence.Layout;
        }
    }

    private IEnumerable<LlavaSequence> Sequences()
    {
        foreach ((LabelledPrompt prompt, VisionFeatures? features) in _samples)
        {
            if (features is null)
            {
                yield return LlavaSequence.Assemble(_decoder, prompt.Ids, _config.ImageToken, 1, [], _config.MaxPromptRows);
                continue;
            }

            using VisualTokens tokens = new(_projector.Run(features.Tokens), features.Grid, features.Places ?? [.. Enumerable.Range(0, (int)features.Tokens.size(0))]);
            yield return LlavaSequence.Assemble(_decoder, prompt.Ids, _config.ImageToken, 1, [tokens], _config.MaxPromptRows);
        }
    }

    // A picture's rows have no labels; a prompt that was cut lost its last ones.
    private IEnumerable<long> Labels(LabelledPrompt prompt, SequenceLayout layout)
    {
        int visual = layout.VisualRows().Length;
        return prompt.Ids.Zip(prompt.Labels)
            .SelectMany(pair => pair.First == _config.ImageToken ? Enumerable.Repeat((long)TrainingLabels.Ignored, visual) : [pair.Second])
            .Take(layout.Count);
    }
}
