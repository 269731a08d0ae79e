using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>Sees pictures and runs prompts' first rows only where no earlier question has.</summary>
/// <param name="model">The model.</param>
/// <param name="table">The compiled hooks; null for none.</param>
/// <param name="kept">What earlier questions left.</param>
internal sealed class PrefixRun(Model model, HookTable? table, KeptPrefixes kept)
{
    // Frequencies that follow the sequence's length turn keys by what stands behind them.
    private readonly bool _keepsRows = table is not { KeepsPrefixes: false } && model.Decoder.Spec.Rotary.Scaling != RotaryScaling.Dynamic;

    /// <summary>Encodes the pictures that were not seen before.</summary>
    /// <param name="path">The way through the model.</param>
    /// <param name="request">The request.</param>
    /// <param name="images">The pictures.</param>
    /// <param name="sample">The sample whose prompt shows them.</param>
    /// <returns>What was seen; the caller disposes it. Its costs are those of the pictures that were encoded now.</returns>
    public Seen See(RequestPath path, RequestContext request, IReadOnlyList<Image> images, int sample)
    {
        if (table?.DeclaredVision is not null)
        {
            return path.See(request, images, sample); // a method inside the encoder may leave more than features
        }

        int[] rows = path.RowsOf(request, images, sample);
        List<VisionFeatures> features = [];
        double milliseconds = 0;
        int encoded = 0;
        try
        {
            for (int image = 0; image < images.Count; image++)
            {
                Image rgb = images[image].ConvertToRgb();
                if (kept.Find(rgb, rows[image]) is not { } known)
                {
                    using Seen own = path.See(request, [images[image]], sample, image);
                    kept.Add(rgb, rows[image], own.Features[0]);
                    known = own.Features[0] with
                    {
                        Tokens = own.Features[0].Tokens.alias(),
                        HiddenStates = own.Features[0].HiddenStates.ToDictionary(state => state.Key, state => state.Value.alias()),
                    };
                    milliseconds += own.Milliseconds;
                    encoded++;
                }

                features.Add(known);
            }
        }
        catch
        {
            features.ForEach(own => own.Dispose());
            throw;
        }

        return new Seen(model, images, features, null, milliseconds) { Rows = rows, Encoded = encoded };
    }

    /// <summary>Brings the first rows of each prompt into its request's cache, run now or kept.</summary>
    /// <param name="entered">The prompts, which have entered with an empty cache.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The start of each prompt, without its cache; empty where every prompt runs in one forward.</returns>
    public IReadOnlyList<PromptStart> Start(EnteredRequest entered, CancellationToken cancellationToken)
    {
        int[][] cuts = [.. entered.Layouts.Select(layout => _keepsRows ? PrefixCuts.Of(layout) : [])];
        if (Array.TrueForAll(cuts, own => own.Length == 0))
        {
            return [];
        }

        PromptStart[] starts = new PromptStart[cuts.Length];
        for (int sample = 0; sample < starts.Length; sample++)
        {
            PackedPrompt prompt = entered.Prompts[sample];
            using PromptStart start = cuts[sample].Length == 0 ? Nothing() : Start(prompt, cuts[sample], cancellationToken);
            entered.Request.Cache!.Take(sample, start.Cache);
            entered.Request.Step = Math.Max(entered.Request.Step, start.Cuts.Length);
            starts[sample] = start;
        }

        return starts;
    }

    private PromptStart Nothing()
    {
        int layers = model.Decoder.Info.Layers;
        return new PromptStart([], new KvCache(layers, 1, 0, model.Ops.Cache), [.. Enumerable.Repeat<int[]>([], layers)]);
    }

    private PromptStart Start(PackedPrompt prompt, int[] cuts, CancellationToken cancellationToken)
    {
        PromptStart? known = kept.Find(table, prompt, cuts);
        if (known is not null && known.Cuts.Length == cuts.Length)
        {
            return known;
        }

        int done = known?.Cuts.Length ?? 0;
        List<int>[] layers = [.. Enumerable.Range(0, model.Decoder.Info.Layers).Select(layer => known is null ? [] : known.Layers[layer].ToList())];
        List<WorkCounter> work = [];
        KvCache cache = known?.Cache ?? new KvCache(layers.Length, 1, cuts[^1] - cuts[0], model.Ops.Cache);
        LiveTrace trace = new();
        using RequestContext request = new(model.Decoder.Info, 1, table, trace, cancellationToken);
        request.Enter([LayoutSlice.Between(prompt.Layout, 0, cuts[^1])], cache);
        for (int forward = done; forward < cuts.Length; forward++)
        {
            int from = forward == 0 ? 0 : cuts[forward - 1];
            work.Add(trace.Begin());
            request.Step = forward;
            using ForwardState state = model.Decoder.Begin(
                request, forward == 0 ? DecoderPhase.Prefill : DecoderPhase.Append, [LayoutSlice.Between(prompt.Layout, from, cuts[forward])]);
            using Tensor rows = prompt.Rows.narrow(0, from, cuts[forward] - from); // [prompt, d] -> [rows, d]
            using Tensor output = model.Decoder.Run(state, rows.clone(), cancellationToken);
            foreach ((int layer, _, LayerWork ran) in work[^1].Work)
            {
                layers[layer].AddRange(ran.Computed.Original.ToArray().Select(row => row + from));
            }
        }

        PromptStart start = new(cuts, request.TakeCache(), [.. layers.Select(layer => layer.ToArray())]) { Kept = known?.Rows ?? 0, Work = work };
        try
        {
            kept.Add(table, prompt, start, model.Decoder.Spec.PositionAxes);
        }
        catch
        {
            start.Dispose(); // no room for a copy
            throw;
        }

        return start;
    }
}
