using System.Xml.Linq;
using Aperture.Images;
using Aperture.Jupyter;

namespace Aperture.Scripting.Tests.Jupyter;

public sealed class KernelSpecTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-kernels-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_kernel_has_a_logo_in_the_sizes_that_front_ends_look_for()
    {
        string kernel = KernelSpec.Install(_folder, "aperture", ["aperture"]);
        kernel = KernelSpec.Install(_folder, "aperture", ["aperture"]); // Over the older one.

        Assert.Equal(
            ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"],
            Directory.GetFileSystemEntries(kernel).Select(file => Path.GetFileName(file)).Order());
        foreach (int side in new[] { 32, 64 })
        {
            Image logo = Image.Load(Path.Combine(kernel, $"logo-{side}x{side}.png"));
            Assert.Equal((side, side, ImageMode.RGBA), (logo.Width, logo.Height, logo.Mode));
        }

        XElement drawing = XDocument.Load(Path.Combine(kernel, "logo-svg.svg")).Root!;
        Assert.Equal("{http://www.w3.org/2000/svg}svg", drawing.Name.ToString());
        Assert.Equal(6, drawing.Descendants().Count(element => element.Name.LocalName == "path"));
    }
}
