using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet;

/// <summary>
/// DTNet's encoder as a vision encoder for other models: a tower's map, averaged down to the grid, and the routed layers over it. Owns both.
/// </summary>
/// <param name="model">The model; its decoder is not used.</param>
/// <param name="tower">Makes grid vectors.</param>
/// <param name="owned">What to dispose with it.</param>
internal sealed class RoutedVisionEncoder(CaptionModel model, PictureTower tower, IReadOnlyList<IDisposable> owned) : IVisionEncoder
{
    public int Channels => model.Config.Width;

    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height) => tower.Prepare(rgb, width, height);

    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken)
    {
        if (inputs.Count == 0)
        {
            return [];
        }

        if (request.HiddenStates.Count > 0)
        {
            throw new ApertureException($"{DtNetFactory.CaptionerName}: the routed encoder hands out no hidden states; ask for its rows alone.");
        }

        using DisposeScope scope = NewDisposeScope();
        Flops flops = new();
        TaskRun run = new() { Cancellation = cancellationToken, Clock = flops };
        Tensor grids = tower.EncodeAll(inputs, model.Config.Grid, run); // [B, cells, channels]
        EncodedGrid encoded = model.Encoder.Run(grids, RoutePlan.Soft, training: null, run); // [B, cells, d]
        VisualGrid grid = new(model.Config.Grid, model.Config.Grid);
        return
        [
            .. inputs.Select((_, picture) => new VisionFeatures(encoded.Rows.select(0, picture).contiguous().DetachFromDisposeScope(), grid)
            {
                Macs = flops.All / 2 / inputs.Count,
            }),
        ];
    }

    public void Dispose()
    {
        for (int part = owned.Count - 1; part >= 0; part--)
        {
            owned[part].Dispose();
        }
    }

    private sealed class Flops : ITaskClock
    {
        public long All { get; private set; }

        public void Enter(string stage)
        {
        }

        public void Count(string part, long flops) => All += flops;
    }
}
