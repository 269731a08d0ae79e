using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Refer;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>The published evaluation: masks of the square in the pictures' sizes, intersections, unions, scores; and its preprocessing.</summary>
public sealed class MetricsRunner : IGoldenRunner
{
    public string Area => "dit-sam";

    public string Kind => "metrics_and_preprocess";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = golden.Config.GetProperty("input_size").GetInt32();
        Preprocess(golden, side);
        Tensor info = golden.Get("in.info");
        ReferScores scores = new();
        List<long> inter = [], union = [];
        List<float> ious = [];
        for (int i = 0; golden.Has($"in.pred.{i}"); i++)
        {
            long[] row = info[i].data<long>().ToArray();
            Frame frame = Frame.Dit((int)row[1], (int)row[0], side);
            Assert.Equal((row[2], row[3], row[4], row[5]), (frame.InnerHeight, frame.InnerWidth, frame.Left, frame.Top));
            MaskImage mask = DitMasks.ToPicture(golden.Get($"in.pred.{i}").to_type(ScalarType.Float32), frame, DitBinarise.Any);
            golden.Compare($"out.resized_pred.{i}", tensor(mask.Floats.ToArray(), [mask.Height, mask.Width]));
            (long both, long any, double iou) = scores.Add(mask, Grey(golden.Get($"in.gt.{i}")));
            inter.Add(both);
            union.Add(any);
            ious.Add((float)iou);
        }

        golden.CompareExact("out.inter", tensor(inter.ToArray()));
        golden.CompareExact("out.union", tensor(union.ToArray()));
        golden.Compare("out.iou", tensor(ious.ToArray()));
        golden.Compare("out.mIoU", tensor((float)scores.MeanIoU));
        golden.Compare("out.oIoU", tensor((float)scores.OverallIoU));
        CompareMeters(golden, scores);
    }

    private static void CompareMeters(GoldenCase golden, ReferScores scores)
    {
        foreach (JsonProperty meter in golden.Config.GetProperty("meters").EnumerateObject())
        {
            double value = meter.Name switch
            {
                "MaskIoU" => scores.MeanIoU,
                "OverallIoU" => scores.OverallIoU,
                "ISum" => scores.Intersection,
                "USum" => scores.Union,
                _ => scores.Precision(ReferScores.Thresholds.MinBy(
                    threshold => Math.Abs(threshold - double.Parse(meter.Name[2..], System.Globalization.CultureInfo.InvariantCulture)))),
            };
            Assert.Equal(meter.Value.GetDouble(), value, golden.Tolerance * Math.Max(1, Math.Abs(meter.Value.GetDouble())));
        }
    }

    private static void Preprocess(GoldenCase golden, int side)
    {
        for (int i = 0; golden.Has($"in.image.{i}"); i++)
        {
            Tensor image = golden.Get($"in.image.{i}");
            Image picture = Image.FromRgb(image.data<byte>().ToArray(), (int)image.size(1), (int)image.size(0));
            Frame frame = Frame.Dit(picture.Width, picture.Height, side);
            golden.Compare($"out.image.{i}", frame.Pixels(frame.Resize(picture)).squeeze(0));
            golden.Compare($"out.mask.{i}", frame.Mask(frame.Resize(Grey(golden.Get($"in.gt.{i}")))));
        }
    }

    private static Image Grey(Tensor mask)
    {
        using Tensor bytes = mask.mul(255).to_type(ScalarType.Byte);
        return Image.FromPixels(ImageMode.L, bytes.data<byte>().ToArray(), (int)mask.size(1), (int)mask.size(0));
    }
}
