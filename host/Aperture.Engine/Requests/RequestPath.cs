using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// The one path of a request through a model: see, project, pack, enter the decoder. Asking, batches, benchmarks, fitting, training and analysis all take it.
/// The request exists before the first picture is encoded, and every hook on the way gets it.
/// </summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="table">The compiled hooks; null for none.</param>
internal sealed class RequestPath(Model model, HookTable? table)
{
    /// <summary>The decoder: the model's own, or the one that is being trained.</summary>
    public Decoder Decoder { get; init; } = model.Decoder;

    /// <summary>The projector: the model's own, or the one that is being trained.</summary>
    public IProjector Projector { get; init; } = model.Projector;

    /// <summary>The vision encoder: the model's own, or the one that is being trained.</summary>
    public IVisionEncoder Encoder { get; init; } = model.Encoder;

    /// <summary>Whether gradients flow.</summary>
    public bool Differentiable { get; init; }

    /// <summary>Begins a request.</summary>
    /// <param name="samples">Number of sequences.</param>
    /// <param name="trace">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Fires when it is to stop.</param>
    /// <returns>The request; the caller disposes it.</returns>
    public RequestContext Begin(int samples, IDecoderTrace? trace, CancellationToken cancellationToken)
        => new(Decoder.Info, samples, table, trace, cancellationToken);

    /// <summary>Encodes pictures one by one: in other company a picture's numbers round differently.</summary>
    /// <param name="request">The request.</param>
    /// <param name="images">The pictures.</param>
    /// <param name="sample">The sample whose prompt shows them.</param>
    /// <param name="first">How many pictures of the sample were seen before.</param>
    /// <returns>What was seen; the caller disposes it.</returns>
    public Seen See(RequestContext request, IReadOnlyList<Image> images, int sample = 0, int first = 0)
    {
        long started = Stopwatch.GetTimestamp();
        int[] rows = RowsOf(request, images, sample, first);
        List<VisionFeatures> features = [];
        try
        {
            for (int image = 0; image < images.Count; image++)
            {
                features.Add(Detached(Encode(request, [images[image]], [new PictureTile(first + image, 0) { Sample = sample }], [rows[image]])[0]));
            }
        }
        catch
        {
            features.ForEach(own => own.Dispose());
            throw;
        }

        return new Seen(model, images, features, table?.DeclaredVision, Elapsed(ref started)) { Rows = rows };
    }

    /// <summary>In how many rows at most the encoder looks at pictures; <see cref="int.MaxValue"/> where it looks at one as it is.</summary>
    /// <param name="request">The request.</param>
    /// <param name="images">The pictures.</param>
    /// <param name="sample">The sample whose prompt shows them.</param>
    /// <param name="first">How many pictures of the sample stand before them.</param>
    /// <exception cref="ApertureException">A method asks for fewer, which the encoder cannot do.</exception>
    public int[] RowsOf(RequestContext request, IReadOnlyList<Image> images, int sample = 0, int first = 0)
        => [.. images.Select((image, i) => RowsOf(request, image, new PictureTile(first + i, 0) { Sample = sample }))];

    /// <summary>Encodes pictures together, as training code does where the encoder itself is trained.</summary>
    /// <param name="request">The request.</param>
    /// <param name="images">The pictures; null for a sample that has none.</param>
    /// <param name="shown">Which pictures of the request they are, one entry each.</param>
    /// <returns>The features of each; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A picture is null and the encoder has nothing that stands for it.</exception>
    public IReadOnlyList<VisionFeatures> Encode(RequestContext request, IReadOnlyList<Image?> images, IReadOnlyList<PictureTile> shown)
        => Encode(request, images, shown, [.. images.Zip(shown, (image, tile) => image is null ? int.MaxValue : RowsOf(request, image, tile))]);

    private IReadOnlyList<VisionFeatures> Encode(
        RequestContext request, IReadOnlyList<Image?> images, IReadOnlyList<PictureTile> shown, int[] rows)
    {
        VisionInput[] inputs;
        using (model.Ops.Time(ForwardStage.Preparation))
        {
            inputs = [.. images.Zip(rows, Prepare)];
        }

        try
        {
            using StageScope timed = model.Ops.Time(ForwardStage.Encoder);
            IReadOnlyList<VisionFeatures> features = Encoder.Encode(
                inputs,
                new VisionRequest
                {
                    Request = request,
                    Pictures = shown,
                    Differentiable = Differentiable,
                    Hooks = table?.Vision,
                },
                request.Cancellation);
            model.Ops.Clock?.Count(features.Sum(picture => picture.Macs), 0);
            return features;
        }
        finally
        {
            Array.ForEach(inputs, input => input.Dispose());
        }
    }

    /// <inheritdoc cref="Project(RequestContext, int, IReadOnlyList{VisionFeatures}, ref int, ref int, int)"/>
    public IReadOnlyList<VisualTokens> Project(
        RequestContext request, int sample, IReadOnlyList<VisionFeatures> features, ref int projectedRows, int first = 0)
    {
        int added = 0;
        return Project(request, sample, features, ref projectedRows, ref added, first);
    }

    /// <summary>Projects the features of one sample's pictures, with the hooks before the projector and before the decoder.</summary>
    /// <param name="request">The request.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="features">The features; borrowed.</param>
    /// <param name="projectedRows">Added to: rows that went through the projector.</param>
    /// <param name="addedRows">Added to: rows that the projector gives beside those, such as separators.</param>
    /// <param name="first">How many pictures of the sample were projected before.</param>
    /// <returns>The tokens of each picture; the caller disposes them.</returns>
    public IReadOnlyList<VisualTokens> Project(
        RequestContext request, int sample, IReadOnlyList<VisionFeatures> features, ref int projectedRows, ref int addedRows, int first)
    {
        List<VisualTokens> tokens = [];
        try
        {
            for (int image = 0; image < features.Count; image++)
            {
                PictureContext context = new(request, sample, first + image);
                using VisionFeatures reduced = BeforeProjector(context, features[image]);
                int rows = (int)reduced.Tokens.size(0);
                VisualTokens projected = Project(reduced, rows);
                projectedRows += rows;
                addedRows += projected.Count - rows;
                tokens.Add(BeforeDecoder(context, projected));
            }

            return tokens;
        }
        catch
        {
            tokens.ForEach(own => own.Dispose());
            throw;
        }
    }

    private VisualTokens Project(VisionFeatures features, int rows)
    {
        using StageScope timed = model.Ops.Time(ForwardStage.Projector);
        model.Ops.Clock?.Count(Projector.Macs(rows), 0);
        return Projector.Project(features);
    }

    /// <summary>Packs one sample's prompt.</summary>
    /// <param name="ids">Token ids, a placeholder for each picture.</param>
    /// <param name="tokens">The pictures' tokens; borrowed.</param>
    /// <returns>Rows and layout; the caller disposes them.</returns>
    public PackedPrompt Pack(IReadOnlyList<int> ids, IReadOnlyList<VisualTokens> tokens)
        => model.Packer.Pack(new PackInput(ids, tokens, text => Decoder.Embed(text), Projector) { Training = Differentiable });

    /// <summary>
    /// Puts given tokens behind a prompt, where they would stand if they had been generated. A limit of rows that the prompt was cut to does not count them.
    /// </summary>
    /// <param name="prompt">The prompt; consumed.</param>
    /// <param name="ids">The tokens.</param>
    /// <returns>Rows and layout; the caller disposes them.</returns>
    public PackedPrompt Follow(PackedPrompt prompt, int[] ids)
    {
        if (ids.Length == 0)
        {
            return prompt;
        }

        using (prompt)
        using (Tensor given = Decoder.Embed(ids)) // [ids] -> [ids, d]
        {
            SequenceLayout layout = prompt.Layout;
            int next = prompt.NextPosition ?? layout.NextPosition;
            SequenceLayout whole = SequenceLayout.Create([.. layout.OriginalSpans, new Span(SpanKind.Text, ids.Length)])
                .Keep([.. layout.Original, .. Enumerable.Range(layout.OriginalCount, ids.Length)])
                .WithPositions([.. Enumerable.Range(0, layout.PositionAxes).Select(axis => Positions(axis))]);
            Tensor rows = cat([prompt.Rows, given], 0); // [rows, d], [ids, d] -> [rows + ids, d]
            return prompt with { Rows = rows, Layout = whole, NextPosition = prompt.NextPosition + ids.Length };

            int[] Positions(int axis) => [.. layout.PositionsOf(axis), .. Enumerable.Range(next, ids.Length)];
        }
    }

    /// <summary>The time since a stamp in milliseconds, the device waited for; the stamp becomes now.</summary>
    public double Elapsed(ref long started)
    {
        if (model.Ops.Device.type == DeviceType.CUDA)
        {
            cuda.synchronize(model.Ops.Device);
        }

        long now = Stopwatch.GetTimestamp();
        double milliseconds = Stopwatch.GetElapsedTime(started, now).TotalMilliseconds;
        started = now;
        return milliseconds;
    }

    // What was seen outlives the scope that it was seen in.
    private static VisionFeatures Detached(VisionFeatures features)
    {
        features.Tokens.DetachFromDisposeScope();
        foreach (Tensor state in features.HiddenStates.Values)
        {
            state.DetachFromDisposeScope();
        }

        return features;
    }

    private int RowsOf(RequestContext request, Image image, PictureTile shown)
    {
        if (table is not { BeforeEncoder: { Count: > 0 } hooks })
        {
            return int.MaxValue;
        }

        int full = hooks[0].Encoder(model.Encoder, model.Name).CostOf(image.Width, image.Height, int.MaxValue).Rows, rows = full;
        PictureContext context = new(request, shown.Sample, shown.Image);
        foreach (EncoderHook hook in hooks)
        {
            rows = Math.Min(rows, hook.Rows(context, rows));
        }

        return rows < full ? rows : int.MaxValue;
    }

    private VisionInput Prepare(Image? image, int rows)
    {
        if (image is null)
        {
            return Encoder.Blank()
                ?? throw new InvalidOperationException($"The vision encoder of {model.Name} has nothing that stands for a missing picture.");
        }

        Image rgb = image.ConvertToRgb();
        return rows == int.MaxValue
            ? Encoder.Prepare(rgb.Pixels, rgb.Width, rgb.Height)
            : ((IScaledEncoder)Encoder).Prepare(rgb.Pixels, rgb.Width, rgb.Height, rows);
    }

    // Hooks own what they get, so they get views: what was seen serves further questions.
    private VisionFeatures BeforeProjector(PictureContext context, VisionFeatures features)
    {
        VisionFeatures reduced = features with
        {
            Tokens = features.Tokens.alias(),
            HiddenStates = features.HiddenStates.ToDictionary(state => state.Key, state => state.Value.alias()),
        };
        foreach (BeforeProjectorHook hook in table?.BeforeProjector ?? [])
        {
            reduced = hook(context, reduced);
        }

        return reduced;
    }

    private VisualTokens BeforeDecoder(PictureContext context, VisualTokens tokens)
    {
        foreach (BeforeDecoderHook hook in table?.BeforeDecoder ?? [])
        {
            tokens = hook(context, tokens);
        }

        return tokens;
    }

    private sealed record PictureContext(IRequestContext Request, int Sample, int Image) : IPictureContext;
}
