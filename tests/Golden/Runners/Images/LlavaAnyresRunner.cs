using Aperture.Images;
using Aperture.Plugins.Llava;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// LLaVA-1.6's tiles in the authors' order of width and height: out.anyres.&lt;file&gt;, and canvases, of which a case may hold the first rows only.
/// </summary>
public sealed class LlavaAnyresRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "llava_anyres";

    public void Run(GoldenCase golden)
    {
        AnyresPicture anyres = AnyresPicture.Of(golden.Config, "tile");
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            using DisposeScope scope = NewDisposeScope();
            string[] parts = name.Split('.', 3);
            Image picture = Image.Load(golden.FileBeside(Path.Combine("files", parts[2]))).ConvertToRgb();
            if (parts[1] == "anyres")
            {
                golden.Compare(name, anyres.Pixels(picture));
                continue;
            }

            Assert.Equal("resize_and_pad", parts[1]);
            TilePlan plan = anyres.Plan(picture);
            Tensor canvas = plan.Canvas(picture, ResampleFilter.Bicubic).ToTensor();
            Assert.Equal([plan.CanvasHeight, plan.CanvasWidth, 3], canvas.shape);
            golden.CompareExact(name, canvas.narrow(0, 0, Math.Min(canvas.shape[0], golden.Get(name).shape[0])));
        }
    }
}
