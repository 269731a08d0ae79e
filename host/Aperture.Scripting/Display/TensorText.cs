using System.Globalization;
using System.Text;
using Aperture.Comparing;
using TorchSharp;

namespace Aperture.Scripting;

/// <summary>A tensor in words: shape, element type, device, memory, statistics, and its values where they are few.</summary>
internal static class TensorText
{
    private const long MostForStatistics = 1L << 26;
    private const int MostRows = 8;
    private const int MostColumns = 8;

    public static DisplayForm Describe(torch.Tensor tensor)
    {
        if (tensor.IsInvalid)
        {
            return new DisplayForm("Tensor (disposed)");
        }

        StringBuilder text = new($"Tensor [{string.Join(", ", tensor.shape)}] {NameOf(tensor.dtype)} {tensor.device}");
        if (tensor.requires_grad)
        {
            text.Append(" requires grad");
        }

        if (tensor.device_type == DeviceType.META || tensor.is_sparse)
        {
            return new DisplayForm(text.ToString());
        }

        if (tensor.numel() > 1)
        {
            text.Append(", ").Append(Bytes(tensor.numel() * tensor.ElementSize));
        }

        using (torch.no_grad())
        using (torch.NewDisposeScope())
        {
            AppendStatistics(text, tensor);
            AppendValues(text, tensor);
        }

        return new DisplayForm(text.ToString());
    }

    private static void AppendStatistics(StringBuilder text, torch.Tensor tensor)
    {
        if (tensor.numel() is < 2 or > MostForStatistics || tensor.is_complex() || tensor.dtype == torch.ScalarType.Bool)
        {
            return;
        }

        torch.Tensor values = tensor.to(torch.ScalarType.Float64).cpu().flatten();
        torch.Tensor finite = values.isfinite();
        long others = values.numel() - finite.sum().item<long>();
        if (others < values.numel())
        {
            torch.Tensor real = others == 0 ? values : values.masked_select(finite);
            text.Append(
                CultureInfo.InvariantCulture,
                $"\n  min {Number(real.min())}  max {Number(real.max())}  mean {Number(real.mean())}  std {Number(real.std(unbiased: false))}");
        }

        if (others > 0)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"\n  {values.isnan().sum().item<long>()} NaN, {values.isinf().sum().item<long>()} infinite of {values.numel()}");
        }
    }

    // A vector or a matrix, cut to its first rows and columns; of more dimensions the first matrix.
    private static void AppendValues(StringBuilder text, torch.Tensor tensor)
    {
        if (tensor.numel() == 0)
        {
            return;
        }

        torch.Tensor matrix = tensor;
        while (matrix.dim() > 2)
        {
            matrix = matrix[0];
        }

        if (matrix.dim() < 2)
        {
            string separator = tensor.dim() == 0 ? " = " : "\n  ";
            text.Append(separator).Append(Row(matrix.reshape(-1), tensor.dim() > 0));
            return;
        }

        for (long row = 0; row < Math.Min(MostRows, matrix.shape[0]); row++)
        {
            text.Append("\n  ").Append(Row(matrix[row], isList: true));
        }

        if (matrix.shape[0] > MostRows || tensor.dim() > 2)
        {
            text.Append("\n  …");
        }
    }

    private static string Row(torch.Tensor row, bool isList)
    {
        string values = string.Join(", ", Enumerable.Range(0, (int)Math.Min(MostColumns, row.shape[0])).Select(i => Number(row[i])));
        return !isList ? values : row.shape[0] > MostColumns ? $"[{values}, …]" : $"[{values}]";
    }

    private static string Number(torch.Tensor scalar) => scalar.is_complex()
        ? scalar.ToComplex64().ToString("G4", CultureInfo.InvariantCulture)
        : scalar.dtype == torch.ScalarType.Bool ? (scalar.item<bool>() ? "true" : "false")
        : scalar.is_floating_point() ? scalar.to(torch.ScalarType.Float64).item<double>().ToString("G4", CultureInfo.InvariantCulture)
        : scalar.to(torch.ScalarType.Int64).item<long>().ToString(CultureInfo.InvariantCulture);

    private static string NameOf(torch.ScalarType type) => type switch
    {
        torch.ScalarType.Byte => "uint8",
        torch.ScalarType.Int8 => "int8",
        torch.ScalarType.Int16 => "int16",
        torch.ScalarType.Int32 => "int32",
        torch.ScalarType.Int64 => "int64",
        torch.ScalarType.Float16 => "float16",
        torch.ScalarType.Float32 => "float32",
        torch.ScalarType.Float64 => "float64",
        torch.ScalarType.BFloat16 => "bfloat16",
        torch.ScalarType.ComplexFloat32 => "complex64",
        torch.ScalarType.ComplexFloat64 => "complex128",
        torch.ScalarType.Bool => "bool",
        _ => type.ToString(),
    };

    private static string Bytes(long bytes) => bytes < 1024 ? $"{bytes} B" : Comparing.Comparison.Size(bytes);
}
