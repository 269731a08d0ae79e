using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// The samples of one step, and decoder and projector as they are in that step. Every forward takes the one request path, with the hooks of the methods that
/// act in it.
/// </summary>
/// <param name="owner">The model and its rules; borrowed.</param>
/// <param name="samples">The samples.</param>
/// <param name="decoder">The decoder with gradients.</param>
/// <param name="projector">The projector.</param>
/// <param name="encoder">The vision encoder.</param>
/// <param name="cancellationToken">Checked while pictures are encoded.</param>
internal sealed class TrainingBatch(
    TrainingModel owner, IReadOnlyList<TrainingSample> samples, Decoder decoder, IProjector projector, IVisionEncoder encoder,
    CancellationToken cancellationToken) : ITrainingBatch, IDisposable
{
    private readonly List<Tensor> _labels = [];

    /// <summary>Whether the decoder's weights were cast for this step.</summary>
    public bool OwnsDecoder { get; init; }

    /// <summary>Whether the projector was.</summary>
    public bool OwnsProjector { get; init; }

    /// <summary>Whether the vision encoder was, and learns in this step.</summary>
    public bool OwnsEncoder { get; init; }

    /// <inheritdoc />
    public int Samples => samples.Count;

    /// <inheritdoc />
    public IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods)
    {
        if (owner.Model.OwnMethod is { } own && methods.All(method => method.Name != own.Name))
        {
            throw new ApertureException(
                $"{owner.Model.Name} is not whole without its own method {own.Name}, and another is trained; train that one, or on a model without one.");
        }

        HookTable? table = methods.Count == 0 ? null : HookTableBuilder.Build(decoder.Info, methods);
        RequestPath path = new(owner.Model, table) { Decoder = decoder, Projector = projector, Encoder = encoder, Differentiable = true };
        EnteredRequest entered = new(path.Begin(Samples, null, cancellationToken));
        try
        {
            Bring(entered, path, together: OwnsEncoder || table?.Vision is not null);
            entered.Enter(null);
            long[] ids = [.. samples.SelectMany((sample, i) => TrainingRows.LabelsOf(sample.Prompt, entered.Layouts[i], owner.Model.Packer))];
            Tensor labels = tensor(ids, dtype: ScalarType.Int64, device: owner.Model.Ops.Device).DetachFromDisposeScope(); // [rows]
            _labels.Add(labels);
            return DecoderRun.Begin(decoder, entered, DecoderPhase.Train, labels);
        }
        catch
        {
            entered.Dispose();
            throw;
        }
    }

    /// <summary>Disposes labels and the cast weights.</summary>
    public void Dispose()
    {
        _labels.ForEach(labels => labels.Dispose());
        if (OwnsDecoder)
        {
            decoder.Dispose();
        }

        if (OwnsProjector)
        {
            projector.Dispose();
        }

        if (OwnsEncoder)
        {
            encoder.Dispose();
        }
    }

    // Where the encoder learns or methods act inside it, a batch's pictures are encoded together and with gradients, as training code does; else they were seen
    // before.
    private void Bring(EnteredRequest entered, RequestPath path, bool together)
    {
        IReadOnlyDictionary<string, Seen>? seen = together ? null : owner.Seen(samples.Select(sample => sample.Image).OfType<string>(), cancellationToken);
        IReadOnlyList<VisionFeatures?> encoded = together ? Encode(entered.Request, path) : [];
        try
        {
            for (int i = 0; i < samples.Count; i++)
            {
                TrainingSample sample = samples[i];
                IReadOnlyList<VisionFeatures> features = sample.Image is null ? [] : together ? [encoded[i]!] : seen![sample.Image].Features;
                int projected = 0;
                IReadOnlyList<VisualTokens> tokens = path.Project(entered.Request, i, features, ref projected);
                try
                {
                    entered.Add(TrainingRows.Fitted(path.Pack(sample.Prompt.Ids, tokens), owner.Rows, owner.PadId, decoder));
                }
                finally
                {
                    foreach (VisualTokens token in tokens)
                    {
                        token.Dispose();
                    }
                }
            }
        }
        finally
        {
            foreach (VisionFeatures? features in encoded)
            {
                features?.Dispose();
            }
        }
    }

    private VisionFeatures?[] Encode(RequestContext request, RequestPath path)
    {
        bool blanks = owner.Model.Encoder.Blank() is { } blank && Disposed(blank);
        int[] shown = [.. Enumerable.Range(0, samples.Count).Where(i => blanks || samples[i].Image is not null)];
        VisionFeatures?[] encoded = new VisionFeatures?[samples.Count];
        IReadOnlyList<VisionFeatures> features = path.Encode(
            request,
            [.. shown.Select(i => samples[i].Image is { } file ? Image.Load(file) : null)],
            [.. shown.Select(i => new PictureTile(0, 0) { Sample = i })]);
        for (int i = 0; i < shown.Length; i++)
        {
            encoded[shown[i]] = features[i];
        }

        return encoded;
    }

    private static bool Disposed(VisionInput blank)
    {
        blank.Dispose();
        return true;
    }
}
