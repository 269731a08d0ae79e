using Aperture.Plugins.DtNet.Model;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>The decoder: whole captions with padding, and word by word with what it keeps between.</summary>
public sealed class DecoderRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "decoder";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using CaptionModel model = RecordedCaptioner.Open(golden, golden.Weights());
        EncodedGrid picture = new(golden.Get("in.enc"), golden.Get("in.enc_mask").to(ScalarType.Bool));

        golden.Compare("out.log_probs", model.Decoder.Run(golden.Get("in.ids"), picture, training: null, new TaskRun { Trace = new Layers(golden) }));

        Tensor ids = golden.Get("in.step_ids");
        using DecoderState state = model.Decoder.Begin(picture);
        Inputs inputs = new(golden);
        Tensor[] steps =
        [
            .. Enumerable.Range(0, (int)ids.size(1)).Select(step => model.Decoder.Step(ids.select(1, step), state, null, new TaskRun { Trace = inputs })),
        ];
        golden.Compare("out.step_log_probs", stack(steps, 1));
        golden.CompareExact("out.state.running_mask", state.Mask.to(ScalarType.Int64));
        golden.CompareExact("out.state.running_seq", full_like(golden.Get("out.state.running_seq"), state.Length));
        inputs.Compare();
    }

    // The decoder calls its values decoder.layerN, the case mid.layerN.
    private sealed class Layers(GoldenCase golden) : ITaskTrace
    {
        public bool Wants(string name) => golden.Has(Recorded(name));

        public void Value(string name, Tensor value) => golden.Compare(Recorded(name), value);

        private static string Recorded(string name) => "mid." + name.Replace("decoder.", "", StringComparison.Ordinal);
    }

    // The official state keeps what each layer read; ours what it projects that to.
    private sealed class Inputs(GoldenCase golden) : ITaskTrace
    {
        private readonly Dictionary<string, List<Tensor>> _seen = [];

        public bool Wants(string name) => golden.Has(Recorded(name));

        public void Value(string name, Tensor value)
        {
            List<Tensor> seen = _seen.TryGetValue(name, out List<Tensor>? known) ? known : _seen[name] = [];
            seen.Add(value.clone().DetachFromDisposeScope());
        }

        public void Compare()
        {
            Assert.NotEmpty(_seen);
            foreach ((string name, List<Tensor> seen) in _seen)
            {
                golden.Compare(Recorded(name), cat(seen, 1));
                seen.ForEach(tensor => tensor.Dispose());
            }
        }

        private static string Recorded(string name)
            => name.EndsWith(".input", StringComparison.Ordinal) ? $"out.state.{name["decoder.".Length..^".input".Length]}.running_keys" : "";
    }
}
