using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Samples as LaVIN's training code runs them: rectangles whose padding is made of rows like any other, read by routers and pools too. The tower runs with gradients, because
/// adapters inside it are trained. Owns pixels and labels.
/// </summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="decoder">Its decoder with gradients; borrowed.</param>
/// <param name="projection">Projection and modality embeddings, trained or not; owned.</param>
/// <param name="prompts">Tokenised samples.</param>
/// <param name="pixels">Normalised pixels <c>[samples, 3, side, side]</c>, zeros where a sample has no picture; owned.</param>
/// <param name="rows">Rows of each sequence, the modality token included; longer ones are cut.</param>
internal sealed class LavinBatch(LavinModel model, Decoder decoder, LavinProjection projection, IReadOnlyList<LabelledPrompt> prompts, Tensor pixels, int rows) : IOwnedBatch
{
    private const int PadId = 0;
    private readonly SequenceLayout[] _layouts = [.. prompts.Select(prompt => LayoutOf(prompt, model.Taps, rows))];
    private readonly Tensor _labels = tensor([.. prompts.SelectMany(prompt => LabelsOf(prompt, model.Taps, rows))], dtype: ScalarType.Int64, device: model.Ops.Device);

    /// <inheritdoc />
    public int Samples => prompts.Count;

    /// <inheritdoc />
    public SequenceLayout Layout(int sample) => _layouts[sample];

    /// <inheritdoc />
    public IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods)
    {
        HookTable? table = methods.Count == 0 ? null : HookTableBuilder.Build(decoder.Info, methods);
        return DecoderRun.Begin(decoder, Rows(table), _layouts, _labels, table);
    }

    /// <summary>Disposes pixels, labels and projection.</summary>
    public void Dispose()
    {
        pixels.Dispose();
        _labels.Dispose();
        projection.Dispose();
    }

    private Tensor Rows(HookTable? table)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor taps = model.ClassTokens(model.Tower.ForTraining(), pixels, table?.Vision, CancellationToken.None);
        Tensor tokens = projection.Run(taps); // [samples, taps, d]
        Tensor packed = cat([.. prompts.Select((prompt, i) => Sequence(prompt, tokens.select(0, i)))], 0);
        return (Samples == 1 ? packed.alias() : packed).MoveToOuterDisposeScope();
    }

    private Tensor Sequence(LabelledPrompt prompt, Tensor tokens)
    {
        bool hasImage = prompt.Ids.Contains(LavinModel.ImageToken);
        int length = LengthOf(prompt, model.Taps);
        int[] ids = [.. prompt.Ids, .. Enumerable.Repeat(PadId, Math.Max(0, rows - length))];
        VisualTokens image = new(tokens, new VisualGrid(1, model.Taps), [.. Enumerable.Range(0, model.Taps)]);
        using LlavaSequence text = LlavaSequence.Assemble(decoder, ids, LavinModel.ImageToken, 1, hasImage ? [image] : []);
        return model.WithModality(text, hasImage, projection).Rows.narrow(0, 0, rows);
    }

    // The modality token counts; a picture's place becomes its tokens.
    private static int LengthOf(LabelledPrompt prompt, int taps) => 1 + prompt.Ids.Sum(id => id == LavinModel.ImageToken ? taps : 1);

    private static SequenceLayout LayoutOf(LabelledPrompt prompt, int taps, int rows)
    {
        int place = Array.IndexOf(prompt.Ids, LavinModel.ImageToken), length = LengthOf(prompt, taps);
        Span[] text = place < 0
            ? [new Span(SpanKind.Text, prompt.Ids.Length)]
            : [new Span(SpanKind.System, place), new Span(SpanKind.Image, taps) { Image = 0, Grid = new VisualGrid(1, taps) }, new Span(SpanKind.Text, prompt.Ids.Length - place - 1)];
        Span[] spans = [new Span(SpanKind.System, 1) { Private = true }, .. text, new Span(SpanKind.Pad, Math.Max(0, rows - length))];
        SequenceLayout whole = SequenceLayout.Create(spans);
        return whole.Count == rows ? whole : whole.Keep([.. Enumerable.Range(0, rows)]);
    }

    private static IEnumerable<long> LabelsOf(LabelledPrompt prompt, int taps, int rows)
    {
        IEnumerable<int> text = prompt.Ids.Zip(prompt.Labels).SelectMany(pair => Enumerable.Repeat(pair.Second, pair.First == LavinModel.ImageToken ? taps : 1));
        IEnumerable<int> all = text.Prepend(TrainingLabels.Ignored).Concat(Enumerable.Repeat(TrainingLabels.Ignored, rows));
        return all.Take(rows).Select(label => (long)label);
    }
}
